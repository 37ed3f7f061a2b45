/** The filters of an environment's subscriptions, without what their runs ask for: every event reads all of them. */

import { fromBinary } from '@bufbuild/protobuf';
import { SubscriptionSchema } from '@sallyport/contracts/schedule/v1/trigger';
import type { Db } from '@sallyport/store/store';
import type { Patterns } from './filter.ts';

export interface SubscriptionFilter extends Patterns {
  /** Id of the subscription. */
  readonly id: string;
  readonly expression: string;
}

export class SubscriptionFiltersStore {
  /** Those of subscriptions that were there at a time, by name. */
  async of(db: Db, environment: string, at: number): Promise<readonly SubscriptionFilter[]> {
    const rows = await db.query<{ readonly id: string; readonly spec: Uint8Array }>(
      `SELECT id, spec FROM trigger
       WHERE environment = $1 AND kind = 'subscription' AND deleted_at IS NULL AND created_at <= $2 ORDER BY name COLLATE "C"`,
      [environment, at],
    );
    return rows.map(({ id, spec }) => {
      const { types, source, subject, expression } = fromBinary(SubscriptionSchema, spec);
      return { id, types, source, subject, expression };
    });
  }

  async count(db: Db, environment: string): Promise<number> {
    const [row] = await db.query<{ readonly n: string }>(
      "SELECT count(*) AS n FROM trigger WHERE environment = $1 AND kind = 'subscription' AND deleted_at IS NULL",
      [environment],
    );
    return Number(row?.n ?? 0);
  }
}
