/** Identity as the API sees it: keys open sessions, and may be revoked. */

import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Bus } from '@sallyport/bus/connection';
import { IdentityService } from '@sallyport/contracts/identity/v1/identity';
import { Fault } from '@sallyport/core/fault';
import { demand, FakeService } from './fake-service.ts';

export const adaKey = `sally_${'a'.repeat(43)}`;
export const eveKey = `sally_${'e'.repeat(43)}`;

const orgs: Readonly<Record<string, string>> = { [adaKey]: 'acme', [eveKey]: 'evil' };

export class FakeIdentity {
  readonly revoked = new Set<string>();
  service!: FakeService<typeof IdentityService>;

  async serve(bus: Bus): Promise<this> {
    this.service = await FakeService.serve(bus, IdentityService, {
      openSession: async ({ secret, audience }) => {
        const org = orgs[secret];
        if (org === undefined || this.revoked.has(secret))
          throw new Fault('unauthenticated', 'identity.key_invalid', 'the API key does not open a session');
        const token = `session/${org}/${audience}`;
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
    });
    return this;
  }
}
