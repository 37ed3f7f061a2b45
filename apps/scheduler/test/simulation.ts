/**
 * One seeded history of one dispatch: a scheduler that dies, an edge that dies, a network that loses and delays, a clock that steps.
 *
 * The row changes only through the product's own pure functions; what the commands do around them is played here step by step, with a
 * possible death before every step.
 */

import { decide, type Sight } from '../src/dispatches/decide.ts';
import {
  type Bounds,
  type Dispatch,
  end,
  lease,
  renew,
  requeue,
  start,
  waitForRoom,
  wishStop,
} from '../src/dispatches/dispatch.ts';
import { random } from './random.ts';

export const bounds: Bounds = {
  offerMs: 10_000,
  leaseMs: 15_000,
  lookMs: 1_000,
  lostMs: 60_000,
  queueMs: 600_000,
  reportMs: 60_000,
  marginMs: 120_000,
};
const lifetimeMs = 300_000;
const createMs = 5_000;

export interface Story {
  readonly seed: number;
  readonly ended: boolean;
  readonly reason: string;
  /** Times a sandbox of this dispatch got a token: the agent's starts. */
  readonly tokens: number;
  readonly tokensPerEpoch: number;
  readonly tookMs: number;
}

interface Workload {
  readonly epoch: number;
  live: boolean;
  tokened: boolean;
  readonly endsAt: number;
  reports: number;
}

class Conflict extends Error {}

export class History {
  readonly #chance: () => number;
  readonly #seed: number;
  #now = 1_000_000;
  /** What the scheduler's wall clock shows beside the true time. */
  #skew = 0;
  #row: Dispatch;
  #tasks: Generator<void>[] = [];
  #schedulerUp = true;
  #edgeUp = true;
  #reachable = true;
  #heardAt = 0;
  #workload: Workload | undefined;
  #arriving: { at: number; epoch: number; reply: (answer: 'taken' | 'touched') => void }[] = [];
  /** Identity: the highest epoch minted, and whether the launch is closed. */
  #minted = 0;
  #closed = false;
  #tokens = new Map<number, number>();

  readonly #careless: boolean;

  /** `careless` leaves out the look between mint and second offer: what the look is worth. */
  constructor(seed: number, careless = false) {
    this.#seed = seed;
    this.#careless = careless;
    this.#chance = random(seed);
    this.#row = {
      id: 'dsp_1',
      org: 'acme',
      run: 'run_1',
      attempt: 1,
      state: 'queued',
      reason: 'accepted',
      since: this.#now,
      version: 1,
      runner: 'exec',
      profile: 'default',
      wish: 'run',
      why: '',
      epoch: 0,
      edge: undefined,
      offers: 0,
      createdAt: this.#now,
      dueAt: this.#now,
      leaseUntil: 0,
      endsBy: this.#now + bounds.queueMs,
      lifetimeMs,
      troubledSince: undefined,
      workloadSeq: 0,
      outputOffset: 0,
      waiting: false,
      inputAt: undefined,
    };
  }

  /** Lives through it: faults for a while, then calm weather in which it must end. */
  play(): Story {
    const began = this.#now;
    const calmAt = began + 30_000 + this.#chance() * 240_000;
    const giveUpAt = calmAt + bounds.queueMs + lifetimeMs + bounds.marginMs + 4 * bounds.lostMs;
    while (this.#row.state !== 'ended' && this.#now < giveUpAt) {
      this.#now += 20 + this.#chance() * 700;
      if (this.#now < calmAt) this.#trouble();
      else this.#calm();
      this.#edge();
      this.#scheduler();
    }
    // Afterwards nothing may start either.
    for (let tick = 0; tick < 40; tick++) {
      this.#now += 500;
      this.#calm();
      this.#edge();
    }
    const starts = [...this.#tokens.values()];
    return {
      seed: this.#seed,
      ended: this.#row.state === 'ended',
      reason: this.#row.reason,
      tokens: starts.reduce((sum, each) => sum + each, 0),
      tokensPerEpoch: Math.max(0, ...starts),
      tookMs: this.#now - began,
    };
  }

  #maybe(probability: number): boolean {
    return this.#chance() < probability;
  }

  get #wall(): number {
    return Math.round(this.#now + this.#skew);
  }

  #trouble(): void {
    if (this.#maybe(0.02)) this.#skew = (this.#chance() - 0.5) * 60_000;
    if (this.#maybe(0.05)) this.#die();
    if (!this.#schedulerUp && this.#maybe(0.2)) this.#schedulerUp = true;
    if (this.#maybe(0.02)) this.#edgeUp = false;
    if (!this.#edgeUp && this.#maybe(0.08)) this.#restartEdge();
    if (this.#maybe(0.04)) this.#reachable = !this.#reachable;
    if (this.#maybe(0.003))
      this.#row = { ...wishStop(this.#row, 'enough', this.#wall), version: this.#row.version + 1 };
  }

  #calm(): void {
    this.#schedulerUp = true;
    this.#reachable = true;
    if (!this.#edgeUp) this.#restartEdge();
  }

  #die(): void {
    this.#schedulerUp = false;
    this.#tasks = [];
  }

  #restartEdge(): void {
    this.#edgeUp = true;
    // What it finds of a workload after its own death: alive, or gone.
    if (this.#workload?.live === true && this.#maybe(0.4)) this.#finish(this.#workload);
  }

  #finish(workload: Workload): void {
    workload.live = false;
    workload.reports += 1;
  }

  // The edge: takes offers, gets tokens, ends workloads, heartbeats, reports.

  #edge(): void {
    if (!this.#edgeUp) return;
    this.#takeOffers();
    const workload = this.#workload;
    if (workload?.live === true) this.#advance(workload);
    if (!this.#reachable || !this.#schedulerUp) return;
    if (this.#maybe(0.2)) this.#heartbeat(workload);
    if (workload !== undefined && workload.reports > 0 && this.#maybe(0.5)) this.#report(workload);
  }

  #takeOffers(): void {
    const due = this.#arriving.filter((offer) => offer.at <= this.#now);
    this.#arriving = this.#arriving.filter((offer) => offer.at > this.#now);
    for (const offer of due) {
      // The least careful edge the contract allows: what is over may be started again under the same id.
      if (this.#workload?.live === true) {
        offer.reply('touched');
        continue;
      }
      this.#workload = {
        epoch: offer.epoch,
        live: true,
        tokened: false,
        endsAt: this.#now + this.#chance() * 60_000,
        reports: 1,
      };
      offer.reply('taken');
    }
  }

  #advance(workload: Workload): void {
    if (!workload.tokened && this.#maybe(0.5)) {
      if (workload.epoch !== this.#minted || this.#closed) this.#finish(workload);
      else {
        workload.tokened = true;
        this.#tokens.set(workload.epoch, (this.#tokens.get(workload.epoch) ?? 0) + 1);
      }
    }
    if (workload.live && this.#now >= workload.endsAt) this.#finish(workload);
    if (workload.live && workload.tokened && this.#closed) this.#finish(workload);
  }

  #heartbeat(workload: Workload | undefined): void {
    this.#heardAt = this.#wall;
    if (workload?.live !== true) return;
    const row = this.#row;
    const held = (row.state === 'leased' || row.state === 'started') && row.epoch === workload.epoch;
    if (!held) this.#finish(workload);
    else this.#write(row, row.state === 'leased' ? start(row, this.#wall, bounds) : renew(row, this.#wall, bounds));
  }

  #report(workload: Workload): void {
    workload.reports -= 1;
    const row = this.#row;
    if (row.state === 'queued' || row.state === 'ended' || row.epoch !== workload.epoch) return;
    const held = row.state === 'leased' ? start(row, this.#wall, bounds) : renew(row, this.#wall, bounds);
    const told = this.#write(row, held);
    if (!workload.live && workload.reports === 0) this.#end(told, workload.tokened ? 'completed' : 'start_failed');
  }

  // The scheduler: sweeps, attends, offers.

  #scheduler(): void {
    if (!this.#schedulerUp) return;
    this.#tasks = this.#tasks.filter((task) => !this.#maybe(0.6) || !this.#stepOf(task));
    const row = this.#row;
    if (row.state === 'ended' || row.dueAt > this.#wall) return;
    const claimed = this.#write(row, { ...row, dueAt: this.#wall + bounds.offerMs });
    this.#tasks.push(this.#attend(claimed));
  }

  /** Takes one step; true when the task is over. */
  #stepOf(task: Generator<void>): boolean {
    try {
      return task.next().done === true;
    } catch (error) {
      if (error instanceof Conflict) return true;
      throw error;
    }
  }

  #write(before: Dispatch, after: Dispatch): Dispatch {
    if (this.#row.version !== before.version) throw new Conflict();
    this.#row = { ...after, version: before.version + 1 };
    return this.#row;
  }

  #end(row: Dispatch, reason: string): void {
    this.#write(row, end(row, reason, this.#wall));
    this.#closed = true;
  }

  #look(): Sight {
    if (!this.#edgeUp || !this.#reachable || this.#maybe(0.05)) return { see: 'silence' };
    const workload = this.#workload;
    if (workload === undefined) return { see: 'absence' };
    return { see: workload.live ? 'live' : 'remains', epoch: workload.epoch };
  }

  #stop(): Sight {
    const sight = this.#look();
    if (sight.see === 'live' && this.#workload !== undefined) this.#finish(this.#workload);
    return sight;
  }

  *#attend(row: Dispatch): Generator<void> {
    let step = decide(row, this.#wall, { see: 'unasked' }, bounds);
    if (step.step === 'look' || step.step === 'stop') {
      yield;
      const sight = step.step === 'look' ? this.#look() : this.#stop();
      yield;
      step = decide(row, this.#wall, sight, bounds);
    }
    if (step.step === 'lease') yield* this.#offer(row);
    else if (step.step === 'save') this.#write(row, step.dispatch);
    else if (step.step === 'end') this.#end(row, step.reason);
    else if (step.step === 'settle') this.#end(row, 'settled');
  }

  *#offer(row: Dispatch): Generator<void> {
    if (this.#wall - this.#heardAt > bounds.leaseMs) {
      this.#write(row, waitForRoom(row, 'no_edge', this.#wall, bounds.lookMs));
      return;
    }
    const leased = this.#write(row, lease(row, 'local', this.#wall, bounds));
    yield;
    if (this.#maybe(0.05)) {
      this.#within(leased, (current) => requeue(current, 'identity.unavailable', this.#wall));
      return;
    }
    if (leased.epoch <= this.#minted) throw new Error('an epoch was used twice');
    this.#minted = leased.epoch;
    yield;
    if (!this.#careless && leased.offers > 1 && this.#look().see !== 'absence') return;
    yield;
    if (!this.#edgeUp || !this.#reachable) {
      if (this.#maybe(0.5)) this.#within(leased, (current) => requeue(current, 'bus.no_responder', this.#wall));
      return;
    }
    yield* this.#send(leased);
  }

  /** The call itself, which the network may lose, delay or leave without an answer. */
  *#send(leased: Dispatch): Generator<void> {
    const answers: string[] = [];
    // The edge drops what arrives after its caller stopped waiting; a stepped clock can make it miss that.
    const delay = this.#maybe(0.9) ? this.#chance() * 200 : this.#chance() * createMs * 3;
    const dropped = delay > createMs && Math.abs(this.#skew) < 1_000;
    if (!dropped && this.#maybe(0.95)) {
      this.#arriving.push({ at: this.#now + delay, epoch: leased.epoch, reply: (answer) => answers.push(answer) });
    }
    const until = this.#now + createMs;
    while (answers.length === 0 && this.#now < until) yield;
    if (answers[0] === 'taken' && this.#maybe(0.9))
      this.#within(leased, (current) => start(current, this.#wall, bounds));
  }

  #within(leased: Dispatch, move: (current: Dispatch) => Dispatch): void {
    const current = this.#row;
    if (current.state === 'leased' && current.epoch === leased.epoch) this.#write(current, move(current));
  }
}
