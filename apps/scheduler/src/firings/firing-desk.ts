/**
 * Decides firings inside a transaction that holds their triggers: one row per trigger and key, with what becomes of it. What becomes a run
 * is `deciding` when the transaction commits, and `StartFiring` goes on with it.
 */

import { Injectable } from '@nestjs/common';
import type { Role } from '@sallyport/contracts/schedule/v1/schedule';
import { Clock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { enqueue } from '@sallyport/store/outbox';
import type { Db } from '@sallyport/store/store';
import { roleNotFound } from '../faults.ts';
import { RoleStore } from '../roles/role.store.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { firingUnit } from './compose-firing.ts';
import type { Decision } from './decide-firing.ts';
import { FiringStore } from './firing.store.ts';
import { type Firing, skip } from './firing.ts';
import { firedRow } from './firing-record.ts';
import { applied, type Compose, type Pending, planFirings, type Wanted } from './plan-firings.ts';

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
    const known = new Map(existing.map((firing) => [nameOf(firing), firing]));
    const fresh = wanted.filter(({ trigger, key }) => !known.has(nameOf({ trigger: trigger.id, key })));
    const now = this.clock.now();
    const triggers = fresh.map(({ trigger }) => trigger);
    const make = { unit: await this.#composer(db, triggers), id: () => newId('firing', now) };
    const { firings, superseded } = planFirings(fresh, await this.#pending(db, triggers), make, now);
    for (const id of superseded) {
      const before = await this.firings.lock(db, id);
      const trigger = triggers.find((each) => each.id === before?.trigger);
      if (before?.state === 'queued' && trigger !== undefined)
        await this.#save(db, trigger, skip(before, 'superseded', now));
    }
    await this.firings.insert(db, firings);
    await enqueue(
      db,
      firings.flatMap((firing, index) => this.#record(firing, fresh[index]?.trigger)),
    );
    for (const firing of firings) known.set(nameOf(firing), firing);
    return keys.flatMap((key) => known.get(nameOf(key)) ?? []);
  }

  /** Goes on with a firing that waited and waits no more. The transaction has locked its trigger. */
  async release(
    db: Db,
    trigger: Trigger,
    firing: Firing,
    decision: Exclude<Decision, { decide: 'queue' }>,
  ): Promise<Firing> {
    const compose = await this.#composer(db, [trigger]);
    return this.#save(db, trigger, applied(firing, trigger, decision, compose, this.clock.now()));
  }

  async #save(db: Db, trigger: Trigger, after: Firing): Promise<Firing> {
    await this.firings.save(db, after);
    await enqueue(db, this.#record(after, trigger));
    return after;
  }

  async #pending(db: Db, triggers: readonly Trigger[]): Promise<ReadonlyMap<string, Pending>> {
    const all = new Map<string, { runs: number; waiting: string[] }>();
    for (const { id } of triggers) all.set(id, { runs: 0, waiting: [] });
    for (const open of await this.firings.openOf(db, [...all.keys()])) {
      const own = all.get(open.trigger);
      if (open.state === 'queued') own?.waiting.push(open.id);
      else if (own !== undefined) own.runs += 1;
    }
    return all;
  }

  /** Composes with roles as they are, of several orgs when a sweep decides for several at once. */
  async #composer(db: Db, triggers: readonly Trigger[]): Promise<Compose> {
    const named = triggers.filter(({ template }) => template.role !== '');
    const found = await this.roles.several(
      db,
      named.map(({ org, environment, template }) => ({ org, environment, name: template.role })),
    );
    const roles = new Map<string, Role>(
      found.map((each) => [`${each.org} ${each.environment} ${each.role.name}`, each.role]),
    );
    return (trigger, { key, attachments }) => {
      const { org, environment, template } = trigger;
      const role = roles.get(`${org} ${environment} ${template.role}`);
      if (template.role !== '' && role === undefined) throw roleNotFound(template.role);
      return firingUnit(trigger, role, key, attachments, this.clock.now());
    };
  }

  /** What is being decided has no outcome to tell of. */
  #record(firing: Firing, trigger: Trigger | undefined) {
    return trigger === undefined || firing.state === 'deciding' ? [] : [firedRow(firing, trigger, this.clock)];
  }
}

const nameOf = ({ trigger, key }: { readonly trigger: string; readonly key: string }): string => `${trigger} ${key}`;
