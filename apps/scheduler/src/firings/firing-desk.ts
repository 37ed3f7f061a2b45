/**
 * Decides firings inside a transaction that holds their triggers: one row per trigger and key, with what becomes of it. What becomes a run
 * is `deciding` when the transaction commits, and `StartFiring` goes on with it.
 */

import { Injectable } from '@nestjs/common';
import type { Role } from '@sallyport/contracts/schedule/v1/schedule';
import type { Attachment } from '@sallyport/contracts/unit/v1/unit';
import { Clock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { newId } from '@sallyport/core/ids';
import { enqueue } from '@sallyport/store/outbox';
import type { Db } from '@sallyport/store/store';
import { roleNotFound } from '../faults.ts';
import { RoleStore } from '../roles/role.store.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { firingUnit } from './compose-firing.ts';
import { type Cause, type Decision, decideFiring } from './decide-firing.ts';
import { FiringStore } from './firing.store.ts';
import { admit, type Firing, refuse, skip } from './firing.ts';
import { firedRow } from './firing-record.ts';

/** A firing that is wanted of a trigger which the transaction has locked. */
export interface Wanted {
  readonly trigger: Trigger;
  readonly key: string;
  readonly dueAt: number;
  readonly cause: Cause;
  readonly event?: string;
  readonly attachments?: readonly Attachment[];
  /** Decided already: it is put on record as skipped for this reason. */
  readonly skip?: string | undefined;
}

/** What is known of a trigger's unfinished firings while a batch is decided. */
interface Pending {
  runs: number;
  /** Waiting firings of before this transaction. */
  readonly rows: string[];
  /** The one of this transaction that waits. */
  fresh: Firing | undefined;
}

@Injectable()
export class FiringDesk {
  constructor(
    private readonly firings: FiringStore,
    private readonly roles: RoleStore,
    private readonly clock: Clock,
  ) {}

  /** Answers a firing for each that was wanted, in their order; one that was there before is answered as it is. */
  async decide(db: Db, wanted: readonly Wanted[]): Promise<readonly Firing[]> {
    if (wanted.length === 0) return [];
    const keys = wanted.map(({ trigger, key }) => ({ trigger: trigger.id, key }));
    const existing = await this.firings.existing(db, keys);
    const made = new Map(existing.map((firing) => [`${firing.trigger} ${firing.key}`, firing]));
    const fresh = wanted.filter(({ trigger, key }) => !made.has(`${trigger.id} ${key}`));
    const pending = await this.#pending(db, fresh);
    const roles = await this.#rolesOf(db, fresh);
    const decided: Firing[] = [];
    for (const each of fresh) {
      const own = pending.get(each.trigger.id) ?? { runs: 0, rows: [], fresh: undefined };
      const firing = this.#decide(each, own, roles);
      if (firing.state === 'queued' || firing.state === 'deciding') await this.#supersede(db, own, decided, firing);
      if (firing.state === 'deciding') own.runs += 1;
      if (firing.state === 'queued') own.fresh = firing;
      decided.push(firing);
      made.set(`${firing.trigger} ${firing.key}`, firing);
    }
    await this.firings.insert(db, decided);
    const triggers = new Map(fresh.map(({ trigger }) => [trigger.id, trigger]));
    await enqueue(db, this.#records(decided, triggers));
    return keys.flatMap(({ trigger, key }) => made.get(`${trigger} ${key}`) ?? []);
  }

  /** Goes on with a firing that waited and waits no more. The transaction has locked its trigger. */
  async release(
    db: Db,
    trigger: Trigger,
    firing: Firing,
    decision: Exclude<Decision, { decide: 'queue' }>,
  ): Promise<Firing> {
    const roles = await this.#rolesOf(db, [{ trigger }]);
    const after = this.#apply(firing, trigger, decision, roles);
    await this.firings.save(db, after);
    await enqueue(db, this.#records([after], new Map([[trigger.id, trigger]])));
    return after;
  }

  #decide(wanted: Wanted, pending: Pending, roles: ReadonlyMap<string, Role>): Firing {
    const { trigger, key, dueAt, cause, event = '', attachments = [] } = wanted;
    const now = this.clock.now();
    const firing: Firing = {
      id: newId('firing', now),
      org: trigger.org,
      environment: trigger.environment,
      trigger: trigger.id,
      key,
      state: 'queued',
      reason: 'queued',
      dueAt,
      madeAt: now,
      decidedAt: undefined,
      event,
      run: '',
      unit: undefined,
      specHash: trigger.specHash,
      attachments,
      open: true,
      leaseUntil: 0,
      tries: 0,
    };
    if (wanted.skip !== undefined) return skip(firing, wanted.skip, now);
    const waiting = pending.rows.length > 0 || pending.fresh !== undefined;
    const decision = decideFiring(trigger, cause, { runs: pending.runs, waiting });
    return decision.decide === 'queue'
      ? { ...firing, reason: decision.reason }
      : this.#apply(firing, trigger, decision, roles);
  }

  #apply(
    firing: Firing,
    trigger: Trigger,
    decision: Exclude<Decision, { decide: 'queue' }>,
    roles: ReadonlyMap<string, Role>,
  ): Firing {
    const now = this.clock.now();
    if (decision.decide === 'skip') return skip(firing, decision.reason, now);
    if (decision.decide === 'refuse') return refuse(firing, decision.reason, now);
    try {
      const role = roles.get(roleKey(trigger));
      if (trigger.template.role !== '' && role === undefined) throw roleNotFound(trigger.template.role);
      return admit(firing, firingUnit(trigger, role, firing.key, firing.attachments, now), trigger.specHash, now);
    } catch (error) {
      if (error instanceof Fault) return refuse(firing, error.reason, now);
      throw error;
    }
  }

  /** At most one firing of a trigger waits: a newer one takes its place, and one that starts leaves none behind. */
  async #supersede(db: Db, pending: Pending, decided: Firing[], by: Firing): Promise<void> {
    if (by.state !== 'queued') return;
    const now = this.clock.now();
    for (const id of pending.rows.splice(0)) {
      const before = await this.firings.lock(db, id);
      if (before?.state === 'queued') await this.firings.save(db, skip(before, 'superseded', now));
    }
    const at = pending.fresh === undefined ? -1 : decided.indexOf(pending.fresh);
    if (pending.fresh !== undefined && at >= 0) decided[at] = skip(pending.fresh, 'superseded', now);
  }

  async #pending(db: Db, wanted: readonly Wanted[]): Promise<ReadonlyMap<string, Pending>> {
    const all = new Map<string, Pending>();
    const ids = [...new Set(wanted.map(({ trigger }) => trigger.id))];
    for (const id of ids) all.set(id, { runs: 0, rows: [], fresh: undefined });
    for (const open of await this.firings.openOf(db, ids)) {
      const own = all.get(open.trigger);
      if (open.state === 'queued') own?.rows.push(open.id);
      else if (own !== undefined) own.runs += 1;
    }
    return all;
  }

  /** Roles of the templates, by org, environment and name: a sweep decides for several orgs at once. */
  async #rolesOf(db: Db, wanted: readonly Pick<Wanted, 'trigger'>[]): Promise<ReadonlyMap<string, Role>> {
    const named = wanted.filter(({ trigger }) => trigger.template.role !== '');
    const found = await this.roles.several(
      db,
      named.map(({ trigger }) => ({ org: trigger.org, environment: trigger.environment, name: trigger.template.role })),
    );
    return new Map(found.map(({ org, environment, role }) => [`${org} ${environment} ${role.name}`, role]));
  }

  #records(firings: readonly Firing[], triggers: ReadonlyMap<string, Trigger>) {
    return firings.flatMap((firing) => {
      const trigger = triggers.get(firing.trigger);
      // What is being decided has no outcome to tell of.
      return trigger === undefined || firing.state === 'deciding' ? [] : [firedRow(firing, trigger, this.clock)];
    });
  }
}

const roleKey = ({ org, environment, template }: Trigger): string => `${org} ${environment} ${template.role}`;
