/** Creates an org with its environments; asking again adds what is missing and changes nothing else. */

import { Injectable } from '@nestjs/common';
import { deploymentLog } from '@sallyport/core/audit-kinds';
import { Clock } from '@sallyport/core/clock';
import { isSlug } from '@sallyport/core/ids';
import { Store } from '@sallyport/store/store';
import { argumentInvalid } from '../faults.ts';

const longestOrg = 40;

@Injectable()
export class EnsureOrg {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  /** Answers every environment of the org, by name. */
  async execute(org: string, environments: readonly string[]): Promise<string[]> {
    if (!isSlug(org) || org.length > longestOrg)
      throw argumentInvalid('org', `a lower-case slug of 1 to ${longestOrg} characters`);
    if (org === deploymentLog) throw argumentInvalid('org', `another name: ${deploymentLog} is the installation's own`);
    if (environments.length === 0 || !environments.every(isSlug))
      throw argumentInvalid('environments', 'one or more lower-case slugs');
    return this.store.tx(org, async (db) => {
      const now = new Date(this.clock.now());
      await db.query('INSERT INTO org (org, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING', [org, now]);
      await db.query(
        'INSERT INTO environment (org, name, created_at) SELECT $1, unnest($2::text[]), $3 ON CONFLICT DO NOTHING',
        [org, environments, now],
      );
      const rows = await db.query<{ name: string }>('SELECT name FROM environment WHERE org = $1 ORDER BY name', [org]);
      return rows.map((row) => row.name);
    });
  }
}
