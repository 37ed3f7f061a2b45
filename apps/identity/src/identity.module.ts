/** All wiring of identity. */

import { Module } from '@nestjs/common';
import { CreateApiKey } from './api-keys/create-api-key.ts';
import { RevokeApiKey } from './api-keys/revoke-api-key.ts';
import { EpochFeed } from './epochs/epoch-feed.ts';
import { Revoke } from './epochs/revoke.ts';
import { SweepEpochs } from './epochs/sweep-epochs.ts';
import { ExchangeIntent } from './exchange/exchange-intent.ts';
import { RenewDispatch } from './exchange/renew-dispatch.ts';
import { AuthorizeFiring } from './grants/authorize-firing.ts';
import { CreateGrant } from './grants/create-grant.ts';
import { EndGrants } from './grants/end-grants.ts';
import { ReadGrants } from './grants/read-grants.ts';
import { RevokeGrant } from './grants/revoke-grant.ts';
import { AuthorizeLaunch } from './launches/authorize-launch.ts';
import { EndLaunch } from './launches/end-launch.ts';
import { MintIntent } from './launches/mint-intent.ts';
import { EnsureOrg } from './orgs/ensure-org.ts';
import { EnsurePrincipal } from './principals/ensure-principal.ts';
import { SetPrincipalDisabled } from './principals/set-principal-disabled.ts';
import { IdentityRpc } from './rpc/identity.rpc.ts';
import { OpenSession } from './sessions/open-session.ts';
import { KeyKeeper } from './signing/key-keeper.ts';
import { RotateKeys } from './signing/rotate-keys.ts';

@Module({
  controllers: [IdentityRpc],
  providers: [
    KeyKeeper,
    EpochFeed,
    SweepEpochs,
    EnsureOrg,
    EnsurePrincipal,
    SetPrincipalDisabled,
    CreateApiKey,
    RevokeApiKey,
    OpenSession,
    AuthorizeLaunch,
    MintIntent,
    EndLaunch,
    ExchangeIntent,
    RenewDispatch,
    Revoke,
    RotateKeys,
    CreateGrant,
    ReadGrants,
    RevokeGrant,
    EndGrants,
    AuthorizeFiring,
  ],
})
export class IdentityModule {}
