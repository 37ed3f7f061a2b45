/** Turns an API key into a session token for one audience. */

import { Injectable } from '@nestjs/common';
import { scopes as knownScopes, type Scope } from '@sallyport/core/access';
import { Clock } from '@sallyport/core/clock';
import { uuid7 } from '@sallyport/core/ids';
import { auditRow, type EventInit } from '@sallyport/service/audit';
import { Log } from '@sallyport/service/log';
import { enqueue } from '@sallyport/store/outbox';
import { type Db, Store } from '@sallyport/store/store';
import type { Minted } from '@sallyport/trust/signer';
import { serviceAudience, tokenClassTable } from '@sallyport/trust/token-class';
import { secretHash } from '../api-keys/api-key.ts';
import { argumentInvalid, keyInvalid } from '../faults.ts';
import type { Principal } from '../principals/principal.ts';
import { KeyKeeper } from '../signing/key-keeper.ts';

const audiences = ['scheduler', 'workspace', 'audit', 'identity', 'egress', 'api'];

interface Opened {
  readonly minted: Minted;
  readonly principal: Principal;
  readonly environment: string;
  readonly scopes: readonly string[];
}

interface Refused {
  readonly row: Row | undefined;
  readonly refused: string;
}

interface Row extends Principal {
  readonly key: string;
  readonly environment: string;
  readonly scopes: readonly string[];
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
}

const isScope = (word: string): word is Scope | '*' => word === '*' || knownScopes.some((scope) => scope === word);

@Injectable()
export class OpenSession {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly keeper: KeyKeeper,
    private readonly log: Log,
  ) {}

  async execute(secret: string, audience: string): Promise<Opened> {
    if (!audiences.includes(audience)) throw argumentInvalid('audience', audiences.join(', '));
    const attempt = await this.store.system((db) => this.attempt(db, secret, audience));
    if (!('refused' in attempt)) return attempt;
    // The refusal does not wait for its record, so that its timing says nothing about the key.
    if (attempt.row !== undefined) void this.record(attempt.row, attempt.refused);
    throw keyInvalid();
  }

  /** The locks on key and principal make a revocation wait for the token, whose issue time it then covers. */
  private async attempt(db: Db, secret: string, audience: string): Promise<Opened | Refused> {
    const row = await find(db, secretHash(secret));
    const now = this.clock.now();
    const refused = row === undefined ? 'unknown' : refusal(row, now);
    if (row === undefined || refused !== undefined) return { row, refused: refused ?? 'unknown' };
    const left =
      row.expires_at === null ? Number.POSITIVE_INFINITY : Math.floor((row.expires_at.getTime() - now) / 1_000);
    const lifetime = Math.max(1, Math.min(tokenClassTable.session.lifetimeSeconds, left));
    const minted = await this.keeper.mint('session', claimsOf(row, audience, now), lifetime);
    await enqueue(db, [this.event(row, { outcome: 'allow', facts: { audience } })]);
    return { minted, principal: row, environment: row.environment, scopes: row.scopes };
  }

  private event(row: Row, rest: Pick<EventInit, 'outcome' | 'reason' | 'facts'>) {
    const kind = rest.outcome === 'allow' ? 'auth.session' : 'auth.denied';
    return auditRow(
      { kind, org: row.org, environment: row.environment, subject: row.id, resource: `key/${row.key}`, ...rest },
      this.clock,
    );
  }

  private async record(row: Row, key: string): Promise<void> {
    try {
      const event = this.event(row, { outcome: 'deny', reason: 'identity.key_invalid', facts: { key } });
      await this.store.tx(row.org, (db) => enqueue(db, [event]));
    } catch (error) {
      this.log.error({ error, key: row.key }, 'the refusal of an API key could not be recorded');
    }
  }
}

async function find(db: Db, hash: Buffer): Promise<Row | undefined> {
  const [row] = await db.query<Row>(
    `SELECT p.id, p.org, p.kind, p.name, p.email, p.disabled, k.id AS key, k.environment, k.scopes, k.expires_at, k.revoked_at
     FROM api_key k JOIN principal p ON p.id = k.principal AND p.org = k.org WHERE k.hash = $1
     FOR SHARE`,
    [hash],
  );
  return row;
}

function refusal(row: Row, now: number): string | undefined {
  if (row.revoked_at !== null) return 'revoked';
  if (row.expires_at !== null && row.expires_at.getTime() <= now) return 'expired';
  return row.disabled ? 'principal_disabled' : undefined;
}

const claimsOf = (row: Row, audience: string, now: number) => ({
  aud: serviceAudience(audience),
  sub: row.id,
  jti: uuid7(now),
  org: row.org,
  env: row.environment,
  key: row.key,
  scope: row.scopes.filter(isScope),
  name: row.name,
  email: row.email,
});
