/** Makes an API key for a principal in one environment and answers it this once. */

import { Injectable } from '@nestjs/common';
import { scopes as knownScopes } from '@sallyport/core/access';
import { Clock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { auditRow } from '@sallyport/service/audit';
import { enqueue } from '@sallyport/store/outbox';
import { type Db, Store } from '@sallyport/store/store';
import { argumentInvalid, environmentUnknown, orgUnknown, principalUnknown } from '../faults.ts';
import { type ApiKey, apiKeyColumns, newSecret, secretHash, secretPrefix } from './api-key.ts';

export interface WantedKey {
  readonly org: string;
  readonly environment: string;
  readonly principal: string;
  readonly name: string;
  readonly scopes: readonly string[];
  /** 0 is until revoked. */
  readonly ttlSeconds: number;
}

const longestTtlSeconds = 10 * 365 * 24 * 60 * 60;
const allowed: ReadonlySet<string> = new Set([...knownScopes, '*']);

@Injectable()
export class CreateApiKey {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  async execute(wanted: WantedKey): Promise<{ readonly key: ApiKey; readonly secret: string }> {
    checkWanted(wanted);
    const secret = newSecret();
    const now = this.clock.now();
    const expires = wanted.ttlSeconds === 0 ? null : new Date(now + wanted.ttlSeconds * 1_000);
    const key = await this.store.tx(wanted.org, async (db) => {
      await checkOwner(db, wanted);
      const [made] = await db.query<ApiKey>(
        `INSERT INTO api_key (id, org, environment, principal, name, scopes, prefix, hash, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING ${apiKeyColumns}`,
        [
          newId('key', now),
          wanted.org,
          wanted.environment,
          wanted.principal,
          wanted.name,
          wanted.scopes,
          secretPrefix(secret),
          secretHash(secret),
          new Date(now),
          expires,
        ],
      );
      if (made === undefined) throw new Error('an insert answered no row');
      const event = { kind: 'admin.key', org: made.org, environment: made.environment, outcome: 'allow' } as const;
      await enqueue(db, [auditRow({ ...event, resource: `key/${made.id}`, facts: { change: 'created' } }, this.clock)]);
      return made;
    });
    return { key, secret };
  }
}

function checkWanted({ org, name, scopes, ttlSeconds }: WantedKey): void {
  if (org === '') throw argumentInvalid('org', 'the name of an org');
  if (!/^[^\p{Cc}]{1,100}$/u.test(name))
    throw argumentInvalid('name', '1 to 100 characters without control characters');
  if (scopes.length === 0 || !scopes.every((scope) => allowed.has(scope))) {
    throw argumentInvalid('scopes', `one or more of ${[...allowed].join(', ')}`);
  }
  if (!(ttlSeconds >= 0 && ttlSeconds <= longestTtlSeconds))
    throw argumentInvalid('ttl_seconds', 'between 0 and ten years');
}

async function checkOwner(db: Db, { org, environment, principal }: WantedKey): Promise<void> {
  const [found] = await db.query<{ org: boolean; environment: boolean; principal: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM org WHERE org = $1) AS org,
            EXISTS (SELECT 1 FROM environment WHERE org = $1 AND name = $2) AS environment,
            EXISTS (SELECT 1 FROM principal WHERE org = $1 AND id = $3) AS principal`,
    [org, environment, principal],
  );
  if (!found?.org) throw orgUnknown(org);
  if (!found.environment) throw environmentUnknown(environment);
  if (!found.principal) throw principalUnknown(principal);
}
