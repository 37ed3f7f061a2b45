/** Identity as the API sees it: keys open sessions, and may be revoked. */

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Bus } from '@sallyport/bus/connection';
import { publish } from '@sallyport/bus/events';
import { epochChanged } from '@sallyport/bus/subject';
import { type GrantSchema, GrantState } from '@sallyport/contracts/identity/v1/grant';
import { EpochKind, EpochSchema, IdentityService } from '@sallyport/contracts/identity/v1/identity';
import { MountMode } from '@sallyport/contracts/unit/v1/unit';
import { Fault } from '@sallyport/core/fault';
import { demand, FakeService } from './fake-service.ts';

export const adaKey = `sally_${'a'.repeat(43)}`;
export const eveKey = `sally_${'e'.repeat(43)}`;

const ids: Readonly<Record<string, string>> = { [adaKey]: 'key_1', [eveKey]: 'key_2' };
const orgs: Readonly<Record<string, string>> = { [adaKey]: 'acme', [eveKey]: 'evil' };

export class FakeIdentity {
  readonly revoked = new Set<string>();
  private bus!: Bus;
  grantState: GrantState = GrantState.ACTIVE;
  service!: FakeService<typeof IdentityService>;

  /** Opens no session for the key any more, and tells everybody. */
  revoke(secret: string): void {
    this.revoked.add(secret);
    this.tell(EpochKind.KEY, ids[secret] ?? '');
  }

  tell(kind: EpochKind, id: string): void {
    publish(this.bus, epochChanged, EpochSchema, create(EpochSchema, { kind, id, version: 1n }));
  }

  async serve(bus: Bus): Promise<this> {
    this.bus = bus;
    this.service = await FakeService.serve(bus, IdentityService, {
      openSession: async ({ secret, audience }) => {
        const org = orgs[secret];
        if (org === undefined || this.revoked.has(secret))
          throw new Fault('unauthenticated', 'identity.key_invalid', 'the API key does not open a session');
        const claims = Buffer.from(JSON.stringify({ key: ids[secret] })).toString('base64url');
        const token = audience === 'api' ? `header.${claims}.signature` : `session/${org}/${audience}`;
        const expiresAt = timestampFromMs(Date.now() + 300_000);
        return { token, expiresAt, principal: { id: 'usr_ada', org }, environment: 'main', scopes: ['*'] };
      },
      listPublicKeys: async () => ({ issuer: 'sallyport:identity', keys: [] }),
      listApiKeys: async (_, call) => {
        const { org } = demand(call, 'identity');
        return {
          keys: [
            {
              id: 'key_1',
              org,
              environment: 'main',
              principal: 'usr_ada',
              name: 'laptop',
              scopes: ['*'],
              prefix: 'sally_aaaa',
            },
          ],
        };
      },
      revokeApiKey: async ({ id }, call) => {
        const { org } = demand(call, 'identity');
        if (id !== 'key_1') throw new Fault('not_found', 'identity.key_unknown', 'no such key', { id });
        return { key: { id, org, name: 'laptop', revoked: true } };
      },
      listGrants: async ({ active }, call) => {
        demand(call, 'identity');
        return { grants: active && this.grantState !== GrantState.ACTIVE ? [] : [this.grant()] };
      },
      getGrant: async ({ id }, call) => {
        demand(call, 'identity');
        if (id !== 'grn_1') throw new Fault('not_found', 'identity.grant_unknown', 'no such grant', { id });
        return { grant: { ...this.grant(), token: 'x.y.z' } };
      },
      revokeGrant: async ({ id }, call) => {
        demand(call, 'identity');
        if (id !== 'grn_1') throw new Fault('not_found', 'identity.grant_unknown', 'no such grant', { id });
        this.grantState = GrantState.REVOKED;
        return { grant: this.grant() };
      },
    });
    return this;
  }

  private grant(): MessageInitShape<typeof GrantSchema> {
    return {
      id: 'grn_1',
      state: this.grantState,
      reason: this.grantState === GrantState.ACTIVE ? '' : 'revoked',
      subject: 'usr_ada',
      trigger: { kind: 'schedule', id: 'sch_1', name: 'nightly', specHash: 'a'.repeat(64) },
      terms: { maxRuns: 100n, maxPerDay: 10n },
      mounts: [{ workspace: 'demo', mode: MountMode.RW }],
      usedRuns: 3n,
      usedToday: 1n,
    };
  }
}
