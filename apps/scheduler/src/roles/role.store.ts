/** Role rows. */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Role, RoleSchema } from '@sallyport/contracts/schedule/v1/schedule';
import type { Db } from '@sallyport/store/store';

interface Row {
  readonly version: string;
  readonly body: Uint8Array;
}

const roleFrom = (row: Row): Role =>
  create(RoleSchema, { ...fromBinary(RoleSchema, row.body), version: BigInt(row.version) });

export class RoleStore {
  async get(db: Db, environment: string, name: string): Promise<Role | undefined> {
    const [row] = await db.query<Row>('SELECT version, body FROM role WHERE environment = $1 AND name = $2', [
      environment,
      name,
    ]);
    return row && roleFrom(row);
  }

  async list(db: Db, environment: string): Promise<readonly Role[]> {
    const rows = await db.query<Row>('SELECT version, body FROM role WHERE environment = $1 ORDER BY name', [
      environment,
    ]);
    return rows.map(roleFrom);
  }

  /** Roles of several orgs, for a transaction that sees them all. */
  async several(
    db: Db,
    named: readonly { readonly org: string; readonly environment: string; readonly name: string }[],
  ): Promise<readonly { readonly org: string; readonly environment: string; readonly role: Role }[]> {
    if (named.length === 0) return [];
    const rows = await db.query<Row & { org: string; environment: string }>(
      `SELECT DISTINCT role.org, role.environment, role.name, role.version, role.body FROM unnest($1::text[], $2::text[], $3::text[]) AS w (org, environment, name)
       JOIN role ON role.org = w.org AND role.environment = w.environment AND role.name = w.name`,
      [named.map(({ org }) => org), named.map(({ environment }) => environment), named.map(({ name }) => name)],
    );
    return rows.map((row) => ({ org: row.org, environment: row.environment, role: roleFrom(row) }));
  }

  /** Creates or replaces; undefined when the version that must be current is not. 0 takes whatever is there. */
  async put(
    db: Db,
    key: { readonly org: string; readonly environment: string },
    role: Role,
    ifVersion: number,
    now: number,
  ): Promise<Role | undefined> {
    const body = Buffer.from(toBinary(RoleSchema, create(RoleSchema, { ...role, version: 0n })));
    const [row] =
      ifVersion === 0
        ? await db.query<Row>(
            `INSERT INTO role (org, environment, name, version, body, changed_at) VALUES ($1, $2, $3, 1, $4, $5)
             ON CONFLICT (org, environment, name) DO UPDATE SET version = role.version + 1, body = excluded.body, changed_at = excluded.changed_at
             RETURNING version, body`,
            [key.org, key.environment, role.name, body, now],
          )
        : await db.query<Row>(
            `UPDATE role SET version = version + 1, body = $4, changed_at = $5
             WHERE org = $1 AND environment = $2 AND name = $3 AND version = $6 RETURNING version, body`,
            [key.org, key.environment, role.name, body, now, ifVersion],
          );
    return row && roleFrom(row);
  }
}
