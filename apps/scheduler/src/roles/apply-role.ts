/** Creates or replaces a role. */

import { toJson } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { type ApplyRoleRequest, type Role, RoleSchema } from '@sallyport/contracts/schedule/v1/schedule';
import { canonicalHash } from '@sallyport/core/canonical';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { auditRow } from '@sallyport/service/audit';
import { OutboxRelay } from '@sallyport/service/relay';
import { enqueue } from '@sallyport/store/outbox';
import { Store } from '@sallyport/store/store';
import { limitInvalid, roleChanged, roleMissing } from '../faults.ts';
import { RoleStore } from './role.store.ts';
import { checkRole } from './validate-role.ts';

@Injectable()
export class ApplyRole {
  constructor(
    private readonly store: Store,
    private readonly roles: RoleStore,
    private readonly clock: Clock,
    private readonly relay: OutboxRelay,
  ) {}

  async execute({ role, ifVersion }: ApplyRoleRequest, claims: SessionClaims): Promise<Role> {
    if (role === undefined) throw roleMissing();
    checkRole(role);
    if (ifVersion < 0n) throw limitInvalid('/if_version');
    const { org, env: environment, sub: subject } = claims;
    const stored = await this.store.tx(org, async (db) => {
      const put = await this.roles.put(db, { org, environment }, role, Number(ifVersion), this.clock.now());
      if (put === undefined)
        throw roleChanged(Number((await this.roles.get(db, environment, role.name))?.version ?? 0n));
      const hashes = { role: canonicalHash(toJson(RoleSchema, put)) };
      const facts = { version: String(put.version), runner: put.runner };
      const resource = `role/${role.name}`;
      await enqueue(db, [
        auditRow(
          { kind: 'admin.role', org, environment, subject, resource, outcome: 'allow', hashes, facts },
          this.clock,
        ),
      ]);
      return put;
    });
    this.relay.kick();
    return stored;
  }
}
