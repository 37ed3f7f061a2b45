/**
 * The scheduler's rows as its transactions find them, one after the other: what `TriggerStore`, `FiringStore`, `EventStore` and the two
 * unique keys behind them answer. It decides nothing.
 */

import { eventLeaseMs } from '../src/events/event.ts';
import { type Firing, leaseMs } from '../src/firings/firing.ts';
import type { Pending } from '../src/firings/plan-firings.ts';
import type { Trigger } from '../src/triggers/trigger.ts';

export interface SimulatedRun {
  readonly firing: string;
  over: boolean;
}

export interface SimulatedEvent {
  readonly id: string;
  dueAt: number;
  matched: boolean;
  tries: number;
}

const nameOf = (trigger: string, key: string): string => `${trigger} ${key}`;

export class FiringTables {
  readonly triggers = new Map<string, Trigger>();
  readonly firings = new Map<string, Firing>();
  readonly runs = new Map<string, SimulatedRun>();
  /** By what makes an event the same as another. */
  readonly events = new Map<string, SimulatedEvent>();
  readonly #byKey = new Map<string, Firing>();

  trigger(id: string): Trigger {
    const trigger = this.triggers.get(id);
    if (trigger === undefined) throw new Error(`no trigger ${id}`);
    return trigger;
  }

  hasKey(trigger: string, key: string): boolean {
    return this.#byKey.has(nameOf(trigger, key));
  }

  insert(firings: readonly Firing[]): void {
    for (const firing of firings) {
      this.firings.set(firing.id, firing);
      this.#byKey.set(nameOf(firing.trigger, firing.key), firing);
    }
  }

  save(firing: Firing): Firing {
    this.firings.set(firing.id, firing);
    return firing;
  }

  /** What of a trigger is not over; a firing whose run has ended is closed on the way. */
  openOf(trigger: string): readonly Firing[] {
    const open: Firing[] = [];
    for (const firing of this.firings.values()) {
      if (!firing.open || firing.trigger !== trigger) continue;
      if (firing.state === 'started' && this.runs.get(firing.run)?.over === true) this.save({ ...firing, open: false });
      else open.push(firing);
    }
    return open;
  }

  pending(trigger: string, isBusy: (firing: Firing) => boolean): Pending {
    const open = this.openOf(trigger);
    return {
      runs: open.filter(isBusy).length,
      waiting: open.filter(({ state }) => state === 'queued').map(({ id }) => id),
    };
  }

  claimAbandoned(now: number): readonly Firing[] {
    const due = [...this.firings.values()].filter(({ state, leaseUntil }) => state === 'deciding' && leaseUntil <= now);
    return due.map((firing) => this.save({ ...firing, leaseUntil: now + leaseMs, tries: firing.tries + 1 }));
  }

  waiting(): readonly Firing[] {
    return [...this.firings.values()].filter(({ state }) => state === 'queued');
  }

  claimEvents(now: number): readonly SimulatedEvent[] {
    const due = [...this.events.values()].filter(({ matched, dueAt }) => !matched && dueAt <= now);
    for (const event of due) {
      event.dueAt = now + eventLeaseMs;
      event.tries += 1;
    }
    return due;
  }
}
