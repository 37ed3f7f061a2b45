/** Schedules in the world of the scheduler's tests. */

import { StopReason, WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import { type Firing, FiringOutcome, type Schedule } from '@sallyport/contracts/schedule/v1/trigger';
import { aTask, until, type World } from './world.ts';

export const yearly = '0 0 1 1 *';

export const hour = 3_600_000;

/** The minute that has begun. */
export const thisMinute = (): number => Math.floor(Date.now() / 60_000) * 60_000;

/** Due every hour at the minute of that time, so that nothing more comes due while a test runs. */
export const hourlyAt = (at: number) => ({ cron: `${new Date(at).getUTCMinutes()} * * * *`, timeZone: 'UTC' });

export const aSchedule = (name: string, change: object = {}) => ({
  name,
  cron: yearly,
  timeZone: 'Europe/Berlin',
  run: { role: 'writer', start: aTask('report') },
  ...change,
});

type Part = Pick<World, 'triggers' | 'as' | 'database' | 'runtime'>;

export class Schedules {
  readonly #world: Part;
  #count = 0;

  constructor(world: Part) {
    this.#world = world;
  }

  /** Applies a schedule under a name of its own, with consent unless told otherwise. */
  async make(change: object = {}, consent = true): Promise<Schedule> {
    return this.apply(`s${++this.#count}`, change, consent);
  }

  async apply(name: string, change: object = {}, consent = true): Promise<Schedule> {
    const request = { schedule: aSchedule(name, change), consent };
    const { schedule } = await this.#world.triggers.applySchedule(request, await this.#world.as());
    if (schedule === undefined) throw new Error(`no schedule ${name}`);
    return schedule;
  }

  async get(name: string): Promise<Schedule> {
    const { schedule } = await this.#world.triggers.getSchedule({ name }, await this.#world.as());
    if (schedule === undefined) throw new Error(`no schedule ${name}`);
    return schedule;
  }

  async fire(name: string, idempotencyKey = ''): Promise<Firing> {
    const { firing } = await this.#world.triggers.fireSchedule({ name, idempotencyKey }, await this.#world.as());
    if (firing === undefined) throw new Error(`no firing of ${name}`);
    return firing;
  }

  /** Newest first. */
  async history(name: string): Promise<Firing[]> {
    const request = { kind: 'schedule', name, pageSize: 200 };
    return (await this.#world.triggers.listFirings(request, await this.#world.as())).firings;
  }

  /** A firing once it is no longer being decided or waiting. */
  async settled(name: string, id: string): Promise<Firing> {
    let found: Firing | undefined;
    await until(async () => {
      found = (await this.history(name)).find((firing) => firing.id === id);
      return found?.outcome !== FiringOutcome.QUEUED && found?.outcome !== FiringOutcome.UNSPECIFIED;
    });
    if (found === undefined) throw new Error(`${name} has no firing ${id}`);
    return found;
  }

  /** Sets the clock hands of schedules, as a scheduler finds them that was away. */
  async away(ids: readonly string[], cursorAt: number, nextAt: number): Promise<void> {
    await this.#world.database.store.system((db) =>
      db.query('UPDATE trigger SET cursor_at = $2, next_at = $3 WHERE id = ANY($1::text[])', [ids, cursorAt, nextAt]),
    );
  }

  /** Every run stays until it is told to end. */
  stay(): void {
    this.#world.runtime.onStart = (id) => this.#world.runtime.report(id, WorkloadState.RUNNING);
  }

  async end(run: string): Promise<void> {
    const { runtime } = this.#world;
    await until(() => [...runtime.workloads.values()].some((workload) => workload.run === run));
    const workload = [...runtime.workloads.values()].find((each) => each.run === run);
    if (workload !== undefined) await runtime.end(workload.id, StopReason.COMPLETED);
  }
}

export const reasons = (firings: readonly Firing[]): string[] => firings.map(({ reason }) => reason);
