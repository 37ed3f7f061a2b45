/** Decode, call, encode. Every line of policy is in the command. */

import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { BusController } from '@sallyport/bus/controller';
import type { Handlers } from '@sallyport/bus/handlers';
import type {
  AuthorizeFiringRequest,
  CreateGrantRequest,
  EndGrantsRequest,
  GetGrantRequest,
  ListGrantsRequest,
  RevokeGrantRequest,
} from '@sallyport/contracts/identity/v1/grant';
import {
  type AuthorizeLaunchRequest,
  type CreateApiKeyRequest,
  type EndLaunchRequest,
  type EnsureOrgRequest,
  type EnsurePrincipalRequest,
  type ExchangeIntentRequest,
  IdentityService,
  type ListApiKeysRequest,
  type ListEpochsRequest,
  type ListPublicKeysRequest,
  type MintIntentRequest,
  type OpenSessionRequest,
  type RenewDispatchRequest,
  type RevokeApiKeyRequest,
  type RevokeRequest,
  type RotateKeysRequest,
  type SetPrincipalDisabledRequest,
} from '@sallyport/contracts/identity/v1/identity';
import { dispatchOf, intentOf, sessionOf } from '@sallyport/core/call';
import { Clock } from '@sallyport/core/clock';
import type { Call } from '@sallyport/core/gate';
import { Store } from '@sallyport/store/store';
import type { PublishedKey } from '@sallyport/trust/key-ring';
import type { Minted } from '@sallyport/trust/signer';
import { identityAccess } from '../access.ts';
import { apiKeyToWire } from '../api-keys/api-key.ts';
import { CreateApiKey } from '../api-keys/create-api-key.ts';
import { listApiKeys } from '../api-keys/list-api-keys.ts';
import { RevokeApiKey } from '../api-keys/revoke-api-key.ts';
import { epochsAfter } from '../epochs/epoch.store.ts';
import { epochToWire, epochWord } from '../epochs/epoch-wire.ts';
import { Revoke } from '../epochs/revoke.ts';
import { ExchangeIntent } from '../exchange/exchange-intent.ts';
import { RenewDispatch } from '../exchange/renew-dispatch.ts';
import { AuthorizeFiring } from '../grants/authorize-firing.ts';
import { CreateGrant } from '../grants/create-grant.ts';
import { EndGrants } from '../grants/end-grants.ts';
import { grantToWire } from '../grants/grant.ts';
import { ReadGrants } from '../grants/read-grants.ts';
import { RevokeGrant } from '../grants/revoke-grant.ts';
import { AuthorizeLaunch } from '../launches/authorize-launch.ts';
import { EndLaunch } from '../launches/end-launch.ts';
import { MintIntent } from '../launches/mint-intent.ts';
import { EnsureOrg } from '../orgs/ensure-org.ts';
import { EnsurePrincipal } from '../principals/ensure-principal.ts';
import { principalToWire } from '../principals/principal.ts';
import { SetPrincipalDisabled } from '../principals/set-principal-disabled.ts';
import { OpenSession } from '../sessions/open-session.ts';
import { KeyKeeper } from '../signing/key-keeper.ts';
import { RotateKeys } from '../signing/rotate-keys.ts';

const mintedToWire = ({ token, expiresAt }: Minted) => ({ token, expiresAt: timestampFromMs(expiresAt * 1_000) });

const keyToWire = ({ kid, class: tokenClass, jwk, retiresAt }: PublishedKey) => ({
  kid,
  class: tokenClass,
  jwk,
  ...(retiresAt === undefined ? {} : { retiresAt: timestampFromMs(retiresAt) }),
});

@BusController(IdentityService, identityAccess)
export class IdentityRpc implements Handlers<typeof IdentityService> {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly keeper: KeyKeeper,
    private readonly orgs: EnsureOrg,
    private readonly principals: EnsurePrincipal,
    private readonly disabling: SetPrincipalDisabled,
    private readonly creation: CreateApiKey,
    private readonly keyRevocation: RevokeApiKey,
    private readonly sessions: OpenSession,
    private readonly launches: AuthorizeLaunch,
    private readonly intents: MintIntent,
    private readonly endings: EndLaunch,
    private readonly exchange: ExchangeIntent,
    private readonly renewal: RenewDispatch,
    private readonly revocation: Revoke,
    private readonly rotation: RotateKeys,
    private readonly consents: CreateGrant,
    private readonly grants: ReadGrants,
    private readonly grantRevocation: RevokeGrant,
    private readonly grantEndings: EndGrants,
    private readonly firings: AuthorizeFiring,
  ) {}

  async ensureOrg({ org, environments }: EnsureOrgRequest) {
    return { org, environments: await this.orgs.execute(org, environments) };
  }

  async ensurePrincipal(request: EnsurePrincipalRequest) {
    return { principal: principalToWire(await this.principals.execute(request)) };
  }

  async setPrincipalDisabled({ principal, disabled }: SetPrincipalDisabledRequest, call: Call) {
    return { principal: principalToWire(await this.disabling.execute(sessionOf(call), principal, disabled)) };
  }

  async createApiKey(request: CreateApiKeyRequest) {
    const { key, secret } = await this.creation.execute({ ...request, ttlSeconds: Number(request.ttlSeconds) });
    return { key: apiKeyToWire(key), secret };
  }

  async listApiKeys(_request: ListApiKeysRequest, call: Call) {
    const { org } = sessionOf(call);
    const keys = await this.store.tx(org, (db) => listApiKeys(db, org));
    return { keys: keys.map(apiKeyToWire) };
  }

  async revokeApiKey({ id }: RevokeApiKeyRequest, call: Call) {
    return { key: apiKeyToWire(await this.keyRevocation.execute(sessionOf(call), id)) };
  }

  async openSession({ secret, audience }: OpenSessionRequest) {
    const { minted, principal, environment, scopes } = await this.sessions.execute(secret, audience);
    return { ...mintedToWire(minted), principal: principalToWire(principal), environment, scopes: [...scopes] };
  }

  async authorizeLaunch({ unit, attempt }: AuthorizeLaunchRequest, call: Call) {
    const first = attempt && { dispatch: attempt.dispatch, edge: attempt.edge, epoch: Number(attempt.epoch) };
    return this.launches.execute(sessionOf(call), unit, first);
  }

  async mintIntent({ unit, edge, epoch }: MintIntentRequest) {
    return { token: await this.intents.execute({ unit, edge, epoch: Number(epoch) }) };
  }

  async exchangeIntent({ evidence, proofJwk }: ExchangeIntentRequest, call: Call) {
    return mintedToWire(await this.exchange.execute(intentOf(call), evidence, proofJwk));
  }

  async renewDispatch({ evidence }: RenewDispatchRequest, call: Call) {
    return mintedToWire(await this.renewal.execute(dispatchOf(call), evidence));
  }

  async endLaunch({ org, run }: EndLaunchRequest) {
    await this.endings.execute(org, run);
    return {};
  }

  async revoke({ kind, id }: RevokeRequest, call: Call) {
    return { epoch: epochToWire(await this.revocation.execute(sessionOf(call), epochWord(kind), id)) };
  }

  async listPublicKeys(_request: ListPublicKeysRequest) {
    const { issuer, keys } = this.keeper.keySet();
    return { issuer, keys: keys.map(keyToWire) };
  }

  async listEpochs({ afterVersion }: ListEpochsRequest) {
    const { epochs, version } = await this.store.system((db) => epochsAfter(db, afterVersion, this.clock.now()));
    return { epochs: epochs.map(epochToWire), version };
  }

  async rotateKeys({ class: className, overlapSeconds }: RotateKeysRequest) {
    return { key: keyToWire(await this.rotation.execute(className, Number(overlapSeconds))) };
  }

  async createGrant(request: CreateGrantRequest, call: Call) {
    return { grant: grantToWire(await this.consents.execute(sessionOf(call), request), this.clock.now()) };
  }

  async getGrant({ id }: GetGrantRequest, call: Call) {
    return { grant: grantToWire(await this.grants.get(sessionOf(call), id), this.clock.now()) };
  }

  async listGrants(request: ListGrantsRequest, call: Call) {
    const { grants, nextPageToken } = await this.grants.list(sessionOf(call), request);
    const now = this.clock.now();
    return { grants: grants.map((grant) => ({ ...grantToWire(grant, now), token: '' })), nextPageToken };
  }

  async revokeGrant({ id }: RevokeGrantRequest, call: Call) {
    return { grant: grantToWire(await this.grantRevocation.execute(sessionOf(call), id), this.clock.now()) };
  }

  async endGrants({ org, kind, id }: EndGrantsRequest) {
    await this.grantEndings.execute(org, kind, id);
    return {};
  }

  async authorizeFiring({ unit, trigger }: AuthorizeFiringRequest) {
    return { run: await this.firings.execute(unit, trigger) };
  }
}
