/**
 * One seeded history of a schedule and a subscription: two schedulers that die and come back, each with a clock of its own that is stepped
 * by up to 30 s, leases that run out under their holders, an identity that is away, refuses or loses its answers, events that are sent
 * twice, people who fire by hand, pause, edit, revoke and remove.
 *
 * Fire times, firings and what becomes of them are decided by the product's own pure functions and nothing else. What the commands do
 * around them is played here transaction by transaction, with a possible death before each.
 */

import type { Unit } from '@sallyport/contracts/unit/v1/unit';
import { Fault } from '@sallyport/core/fault';
import { cronTimes, type Times } from '../src/cron/cron-times.ts';
import type { MisfireName } from '../src/cron/decide-ticks.ts';
import { headStartMs } from '../src/events/event.ts';
import { decideWaiting } from '../src/firings/decide-firing.ts';
import { decideRefused } from '../src/firings/decide-refused.ts';
import { type Firing, leaseMs, skip, start } from '../src/firings/firing.ts';
import { applied, type Makers, planFirings, type Wanted } from '../src/firings/plan-firings.ts';
import { decideDue, pausedSchedule, resumedSchedule } from '../src/schedules/decide-due.ts';
import type { OverlapName, Trigger } from '../src/triggers/trigger.ts';
import { FiringTables, type SimulatedEvent } from './firing-tables.ts';
import { judge } from './judge-firings.ts';
import { random } from './random.ts';

/** Mistakes of a scheduler that a history can be told with; each must be seen. */
export type Flaw =
  | 'forgets_keys'
  | 'new_run_per_try'
  | 'commits_unchecked'
  | 'deciding_is_not_live'
  | 'forgets_the_abandoned'
  | 'advances_past_now'
  | 'notes_events_first'
  | 'new_key_per_try';

/** What must never be, as found at the end of a history, and how often each outcome was seen. */
export interface Story {
  readonly seed: number;
  readonly wrong: readonly string[];
  readonly outcomes: Readonly<Record<string, number>>;
}

/** Held here because a test runner's globals are slow to look up. */
const { floor } = Math;

interface Scheduler {
  up: boolean;
  skew: number;
  tasks: Generator<void>[];
}

const graceMs = 60_000;
const cap = 3;
const patienceMs = 600_000;
const overlaps: readonly OverlapName[] = ['skip', 'queue_one', 'allow', 'replace'];
const misfires: readonly MisfireName[] = ['skip', 'run_once', 'run_all'];
const mostLate = { skip: 0, run_once: 1, run_all: cap } as const satisfies Record<MisfireName, number>;
/** Fire times are whole minutes: each minute's answer is asked for once, and all histories share it. */
function asked(times: Times): Times {
  const known = new Map<number, number | undefined>();
  return {
    after: (instant) => {
      const minute = floor(instant / 60_000);
      if (!known.has(minute)) known.set(minute, times.after(minute * 60_000));
      return known.get(minute);
    },
  };
}

/** A calendar, when a history of it begins, and by plain arithmetic which minutes are its fire times from then on. */
interface Calendar {
  readonly times: Times;
  readonly from: number;
  readonly isTime: (minute: number) => boolean;
}

/** Plain minutes, a local hour that comes twice, and a local half hour that is skipped. */
const [back, again] = [Date.parse('2026-10-25T01:00:00Z'), Date.parse('2026-10-25T02:00:00Z')];
const forward = Date.parse('2026-10-03T15:30:00Z');
const calendars: readonly Calendar[] = [
  { times: asked(cronTimes('* * * * *', 'UTC')), from: Date.parse('2027-01-15T08:00:00Z'), isTime: () => true },
  {
    times: asked(cronTimes('* * * * *', 'Europe/Berlin')),
    from: back - 120_000,
    isTime: (minute) => minute < back || minute >= again,
  },
  {
    times: asked(cronTimes('1-59/2 * * * *', 'Australia/Lord_Howe')),
    from: forward - 180_000,
    isTime: (minute) => minute === forward || (minute / 60_000) % 2 === 1,
  },
];
const schedule = 'sch_1';
const subscription = 'sub_1';
const silence = new Fault('unavailable', 'bus.timeout', 'no answer');
const revoked = new Fault('permission_denied', 'identity.grant_revoked', 'revoked');
const spent = new Fault('resource_exhausted', 'identity.busy', 'too many at once');

export class FiringHistory {
  readonly #seed: number;
  readonly #flaw: Flaw | undefined;
  readonly #chance: () => number;
  readonly #misfire: MisfireName;
  readonly #times: Times;
  readonly #isTime: (minute: number) => boolean;
  readonly #tables = new FiringTables();
  readonly #schedulers: readonly Scheduler[] = [
    { up: true, skew: 0, tasks: [] },
    { up: true, skew: 0, tasks: [] },
  ];
  #now: number;
  /** Spans of time that were decided, by the clock of who decided. */
  readonly #spans: (readonly [from: number, to: number])[] = [];
  /** Up to where time is decided, or was given up by a person. */
  #decidedTo: number;
  /** Identity: runs it authorised, runs it was told are over, and whether the grants are good. */
  readonly #authorized = new Set<string>();
  readonly #closed = new Set<string>();
  #grantGood = true;
  #identityUp = true;
  #calm = false;
  #count = 0;
  readonly #wrong: string[] = [];
  readonly #make: Makers = {
    id: () => `fir_${++this.#count}`,
    unit: () => ({ run: `run_${++this.#count}` }) as Unit,
  };

  constructor(seed: number, flaw?: Flaw) {
    this.#seed = seed;
    this.#flaw = flaw;
    this.#chance = random(seed);
    ({ times: this.#times, from: this.#now, isTime: this.#isTime } = this.#one(calendars));
    this.#misfire = this.#one(misfires);
    this.#decidedTo = this.#now;
    const consented = { paused: false, deletedAt: undefined, grant: 'grn_1', grantHash: 'a', specHash: 'a' };
    const at = this.#now;
    const hands = { cursorAt: at, nextAt: this.#times.after(at) };
    for (const [id, more] of [[schedule, hands] as const, [subscription, {}] as const])
      this.#tables.triggers.set(id, { id, overlap: this.#one(overlaps), ...consented, ...more } as Trigger);
  }

  play(): Story {
    const steps = 14 + floor(this.#chance() * 14);
    for (let step = 0; step < steps; step++) {
      this.#now += floor(this.#chance() * (this.#maybe(0.05) ? 900_000 : 25_000));
      this.#trouble();
      this.#work();
    }
    this.#calm = true;
    this.#identityUp = true;
    for (const scheduler of this.#schedulers) scheduler.up = true;
    for (let step = 0; step < 12; step++) {
      this.#now += leaseMs + 16_000;
      for (const run of this.#tables.runs.values()) run.over = true;
      this.#work();
    }
    const { firings } = this.#tables;
    const { paused, deletedAt } = this.#tables.trigger(schedule);
    // The slower clock of the two has come this far at least.
    if (!paused && deletedAt === undefined) this.#spans.push([this.#decidedTo, this.#now - 30_000]);
    const facts = { authorized: this.#authorized, closed: this.#closed, spans: this.#spans, isTime: this.#isTime };
    this.#wrong.push(...judge(this.#tables, { ...facts, schedule, subscription }));
    const outcomes: Record<string, number> = {};
    for (const { state, reason } of firings.values()) {
      const word = state === 'started' ? state : reason;
      outcomes[word] = (outcomes[word] ?? 0) + 1;
    }
    return { seed: this.#seed, wrong: this.#wrong, outcomes };
  }

  #maybe(probability: number): boolean {
    return this.#chance() < probability;
  }

  #one<T>(of: readonly T[]): T {
    const found = of[floor(this.#chance() * of.length)];
    if (found === undefined) throw new Error('nothing to choose from');
    return found;
  }

  #trouble(): void {
    for (const scheduler of this.#schedulers) {
      if (this.#maybe(0.1)) scheduler.skew = floor((this.#chance() - 0.5) * 60_000);
      if (this.#maybe(0.12)) this.#die(scheduler);
      else if (!scheduler.up && this.#maybe(0.4)) scheduler.up = true;
    }
    if (this.#maybe(0.1)) this.#identityUp = !this.#identityUp;
    for (const run of this.#tables.runs.values()) if (this.#maybe(0.3)) run.over = true;
    const scheduler = this.#schedulers.find(({ up }) => up);
    if (scheduler === undefined) return;
    if (this.#maybe(0.25)) this.#person(scheduler, this.#now + scheduler.skew);
    if (this.#maybe(0.3)) this.#send(this.#maybe(0.5) ? scheduler : (this.#schedulers[1] ?? scheduler));
  }

  #die(scheduler: Scheduler): void {
    scheduler.up = false;
    scheduler.tasks = [];
  }

  /** What people do, by the clock of whoever answers them. */
  #person(scheduler: Scheduler, now: number): void {
    const trigger = this.#tables.trigger(this.#maybe(0.7) ? schedule : subscription);
    const choice = this.#chance();
    if (choice < 0.4) {
      // The same key again and again.
      const key = `now:${floor(this.#chance() * 3)}`;
      this.#begin(scheduler, this.#decide([{ trigger, key, dueAt: now, cause: 'hand' }], now));
    } else if (choice < 0.6) this.#put(pausedSchedule(trigger));
    else if (choice < 0.8) {
      if (trigger.id === schedule) this.#decidedTo = now;
      const resumed = resumedSchedule(trigger, this.#times, now);
      this.#put(trigger.id === schedule ? resumed : { ...resumed, nextAt: undefined });
    } else if (choice < 0.9) this.#grantGood = !this.#grantGood;
    else if (choice < 0.98) this.#put({ ...trigger, specHash: trigger.specHash === 'a' ? 'b' : 'a' });
    else this.#put({ ...trigger, deletedAt: now, nextAt: undefined });
  }

  /** A removed trigger stays as it is. */
  #put(trigger: Trigger): void {
    if (this.#tables.trigger(trigger.id).deletedAt === undefined) this.#tables.triggers.set(trigger.id, trigger);
  }

  #work(): void {
    for (const scheduler of this.#schedulers) {
      if (!scheduler.up) continue;
      this.#tick(scheduler);
      this.#sweep(scheduler);
    }
    // Steps of both in an order of chance; in calm weather everything that can be done is done.
    const rounds = this.#calm ? 8 : 3;
    for (let round = 0; round < rounds; round++) {
      for (const scheduler of this.#schedulers) {
        scheduler.tasks = scheduler.tasks.filter(
          (task) => !(this.#calm || this.#maybe(0.6)) || task.next().done !== true,
        );
        if (!this.#calm && this.#maybe(0.04)) this.#die(scheduler);
      }
    }
  }

  /** One transaction: what `FireDue` does. */
  #tick(scheduler: Scheduler): void {
    const now = this.#now + scheduler.skew;
    const trigger = this.#tables.trigger(schedule);
    const { nextAt, cursorAt } = trigger;
    if (nextAt === undefined || nextAt > now) return;
    const due = decideDue(trigger, this.#times, { misfire: this.#misfire, cap, graceMs }, now);
    const late = due.wanted.filter(({ dueAt, skip: why }) => why === undefined && now - dueAt > graceMs).length;
    if (late > mostLate[this.#misfire]) this.#wrong.push(`${late} missed times fire under ${this.#misfire}`);
    const firings = this.#decide(due.wanted, now);
    if (cursorAt !== this.#decidedTo) this.#wrong.push(`nobody decided from ${this.#decidedTo} to ${cursorAt}`);
    this.#spans.push([cursorAt, now]);
    this.#decidedTo = now;
    const far = this.#times.after(now + 60_000);
    const hands = this.#flaw === 'advances_past_now' ? { cursorAt: now + 60_000, nextAt: far } : { nextAt: due.nextAt };
    this.#tables.triggers.set(schedule, { ...trigger, cursorAt: now, ...hands });
    this.#begin(scheduler, firings);
  }

  /** One transaction: what `FiringDesk` does around the plan. */
  #decide(wanted: readonly Wanted[], now: number): readonly Firing[] {
    const tables = this.#tables;
    const fresh = wanted.filter(({ trigger, key }) => this.#flaw === 'forgets_keys' || !tables.hasKey(trigger.id, key));
    const [first] = fresh;
    if (first === undefined) return [];
    const isBusy = ({ state }: Firing): boolean =>
      state === 'started' || (state === 'deciding' && this.#flaw !== 'deciding_is_not_live');
    const { id } = first.trigger;
    const plan = planFirings(fresh, new Map([[id, tables.pending(id, isBusy)]]), this.#make, now);
    for (const before of plan.superseded) this.#change(before, (firing) => skip(firing, 'superseded', now));
    tables.insert(plan.firings);
    return plan.firings;
  }

  #change(id: string, move: (firing: Firing) => Firing): void {
    const firing = this.#tables.firings.get(id);
    if (firing !== undefined) this.#tables.save(move(firing));
  }

  /** One transaction each: what the dead left gets a new lease, what waits is looked at. */
  #sweep(scheduler: Scheduler): void {
    const now = this.#now + scheduler.skew;
    if (this.#flaw !== 'forgets_the_abandoned') this.#begin(scheduler, this.#tables.claimAbandoned(now));
    for (const firing of this.#tables.waiting()) this.#release(scheduler, firing, now);
    for (const event of this.#tables.claimEvents(now)) scheduler.tasks.push(this.#match(scheduler, event));
  }

  /** One transaction: what `ReleaseWaiting` does. */
  #release(scheduler: Scheduler, firing: Firing, now: number): void {
    const trigger = this.#tables.trigger(firing.trigger);
    const busy = this.#tables.openOf(trigger.id).filter(({ state }) => state !== 'queued');
    const decision = decideWaiting(trigger, busy.length);
    if (decision !== undefined)
      this.#begin(scheduler, [this.#tables.save(applied(firing, trigger, decision, this.#make.unit, now))]);
    else if (firing.reason === 'replacing') for (const { run } of busy) if (this.#maybe(0.5)) this.#end(run);
  }

  #end(id: string): void {
    const run = this.#tables.runs.get(id);
    if (run !== undefined) run.over = true;
  }

  /** What `ReceiveEvent` does: one transaction takes it in, then its process goes on with it unless it dies. */
  #send(scheduler: Scheduler): void {
    if (!scheduler.up) return;
    const print = String(floor(this.#chance() * 4));
    if (this.#tables.events.has(print)) return;
    const event = { id: `evt_${print}`, dueAt: this.#now + scheduler.skew + headStartMs, matched: false, tries: 0 };
    this.#tables.events.set(print, event);
    scheduler.tasks.push(this.#match(scheduler, event));
  }

  /** What `MatchEvent` and `FireTrigger` do. */
  *#match(scheduler: Scheduler, event: SimulatedEvent): Generator<void> {
    yield;
    if (this.#flaw === 'notes_events_first') event.matched = true;
    yield;
    const now = this.#now + scheduler.skew;
    const key = this.#flaw === 'new_key_per_try' ? `${event.id} ${event.tries}` : event.id;
    const wanted: Wanted = {
      trigger: this.#tables.trigger(subscription),
      key,
      dueAt: now,
      cause: 'event',
      event: event.id,
    };
    for (const firing of this.#decide([wanted], now))
      if (firing.state === 'deciding') yield* this.#start(scheduler, firing);
    yield;
    event.matched = true;
  }

  #begin(scheduler: Scheduler, firings: readonly Firing[]): void {
    for (const firing of firings) if (firing.state === 'deciding') scheduler.tasks.push(this.#start(scheduler, firing));
  }

  /** What `StartFiring` does: ask, then commit. */
  *#start(scheduler: Scheduler, firing: Firing): Generator<void> {
    yield;
    const run = this.#flaw === 'new_run_per_try' && firing.tries > 1 ? `run_${++this.#count}` : firing.run;
    const fault = this.#ask(run);
    yield;
    const now = this.#now + scheduler.skew;
    const current = this.#tables.firings.get(firing.id);
    if (current === undefined) throw new Error(`${firing.id} is gone`);
    if (current.state !== 'deciding' && !(this.#flaw === 'commits_unchecked' && fault === undefined)) return;
    if (fault === undefined) return this.#commit(current, run, now);
    const refused = decideRefused(current, fault, now, patienceMs);
    this.#tables.save(refused.firing);
    // Identity is told that nothing came of the run, in the same transaction.
    if (!refused.again) this.#closed.add(run);
  }

  /** Answers the same run as before whatever happened since. */
  #ask(run: string): Fault | undefined {
    if (!this.#identityUp) return silence;
    if (!this.#authorized.has(run)) {
      if (!this.#grantGood) return revoked;
      if (!this.#calm && this.#maybe(0.03)) return spent;
    }
    this.#authorized.add(run);
    return !this.#calm && this.#maybe(0.15) ? silence : undefined;
  }

  /** Firing and run commit together. */
  #commit(firing: Firing, run: string, now: number): void {
    const { runs } = this.#tables;
    if (firing.state === 'deciding') this.#tables.save({ ...start(firing, now), run });
    if (runs.has(run)) this.#wrong.push(`run ${run} is made twice`);
    const { id, overlap } = this.#tables.trigger(firing.trigger);
    const live = this.#tables
      .openOf(id)
      .filter((other) => other.id !== firing.id && runs.get(other.run)?.over === false);
    if (live.length > 0 && overlap !== 'allow') this.#wrong.push(`two runs of ${id} at once under ${overlap}`);
    runs.set(run, { firing: firing.id, over: false });
  }
}
