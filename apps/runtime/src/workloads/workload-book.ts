/**
 * Every workload this edge knows, and the one place where room for another is given out.
 *
 * Admission looks and takes in the same turn of the event loop, so any number of racing calls gets exactly the room there is.
 */

import { edgeFull, quotaExceeded, unknownWorkload } from '../faults.ts';
import type { LiveWorkload } from './live-workload.ts';
import { isLive, orgOf, ownerOf, type WorkloadRecord } from './workload.ts';

export interface Room {
  /** Live workloads of the whole edge. */
  readonly capacity: number;
  /** Live workloads of one principal; 0 means none. */
  readonly ownerQuota: number;
}

export class WorkloadBook {
  readonly #room: Room;
  readonly #records = new Map<string, WorkloadRecord>();
  readonly #live = new Map<string, LiveWorkload>();

  constructor(room: Room) {
    this.#room = room;
  }

  find(id: string): WorkloadRecord | undefined {
    return this.#records.get(id);
  }

  /** @throws Fault `runtime.workload_unknown`. */
  get(id: string): WorkloadRecord {
    const record = this.#records.get(id);
    if (record === undefined) throw unknownWorkload(id);
    return record;
  }

  /** All of them, oldest first. */
  all(): WorkloadRecord[] {
    return [...this.#records.values()];
  }

  /** Those that may still run. */
  running(): WorkloadRecord[] {
    return this.all().filter(({ state }) => isLive(state));
  }

  /** Those whose lease is still needed: what may run, and what the scheduler has not heard the end of. */
  held(): WorkloadRecord[] {
    return this.all().filter(({ state, unsent }) => isLive(state) || unsent.some(({ reported }) => !reported));
  }

  /**
   * Takes room for a record and keeps it.
   *
   * @throws Fault `runtime.quota_exceeded` or `runtime.edge_full`; nothing is kept then.
   */
  admit(record: WorkloadRecord): void {
    const { capacity, ownerQuota } = this.#room;
    const running = this.running().filter(({ id }) => id !== record.id);
    const owner = ownerOf(record);
    const owned = running.filter((other) => ownerOf(other) === owner && orgOf(other) === orgOf(record));
    if (owned.length >= ownerQuota) throw quotaExceeded(owner, ownerQuota);
    if (running.length >= capacity) throw edgeFull(capacity);
    this.#records.set(record.id, record);
  }

  /** Keeps a record read from the journal; it has its room already. */
  restore(record: WorkloadRecord): void {
    this.#records.set(record.id, record);
  }

  forget(id: string): void {
    this.#records.delete(id);
    this.#live.delete(id);
  }

  /** What of a workload lives in this process. */
  live(id: string): LiveWorkload | undefined {
    return this.#live.get(id);
  }

  attend(live: LiveWorkload): void {
    this.#live.set(live.record.id, live);
  }

  dismiss(id: string): void {
    this.#live.delete(id);
  }

  allLive(): LiveWorkload[] {
    return [...this.#live.values()];
  }
}
