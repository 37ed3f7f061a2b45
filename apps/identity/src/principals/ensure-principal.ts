/** Creates a principal by (org, email); asking again answers the one that exists, unchanged. */

import { Injectable } from '@nestjs/common';
import type { PrincipalKind } from '@sallyport/contracts/identity/v1/identity';
import { Clock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { auditRow } from '@sallyport/service/audit';
import { enqueue } from '@sallyport/store/outbox';
import { Store } from '@sallyport/store/store';
import { argumentInvalid, orgUnknown } from '../faults.ts';
import { checkAuthor, type Principal, principalColumns, principalKind } from './principal.ts';

export interface WantedPrincipal {
  readonly org: string;
  readonly kind: PrincipalKind;
  readonly name: string;
  readonly email: string;
}

@Injectable()
export class EnsurePrincipal {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  async execute({ org, kind, name, email }: WantedPrincipal): Promise<Principal> {
    if (org === '') throw argumentInvalid('org', 'the name of an org');
    const word = principalKind(kind);
    checkAuthor(name, email);
    return this.store.tx(org, async (db) => {
      if ((await db.query('SELECT 1 FROM org WHERE org = $1', [org])).length === 0) throw orgUnknown(org);
      const now = this.clock.now();
      const [made] = await db.query<Principal>(
        `INSERT INTO principal (id, org, kind, name, email, created_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (org, email) DO NOTHING RETURNING ${principalColumns}`,
        [newId('principal', now), org, word, name, email, new Date(now)],
      );
      if (made !== undefined) {
        const event = { kind: 'admin.principal', org, outcome: 'allow', resource: `principal/${made.id}` } as const;
        await enqueue(db, [auditRow({ ...event, facts: { change: 'created' } }, this.clock)]);
        return made;
      }
      const [known] = await db.query<Principal>(
        `SELECT ${principalColumns} FROM principal WHERE org = $1 AND email = $2`,
        [org, email],
      );
      if (known === undefined) throw new Error('a principal that conflicted is gone');
      return known;
    });
  }
}
