/** The only door to a new state of a workload: asks the table, journals, then tells. */

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Injectable } from '@nestjs/common';
import { Bus } from '@sallyport/bus/connection';
import { publish } from '@sallyport/bus/events';
import { runtimeEvent } from '@sallyport/bus/subject';
import { RuntimeEventSchema } from '@sallyport/contracts/runtime/v1/runtime';
import { Clock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { Log } from '@sallyport/service/log';
import { Courier } from '../reports/courier.ts';
import { Journal } from './journal.ts';
import { mayCarry, type StopWord, type WorkloadEvent, workloadMachine } from './workload.machine.ts';
import { orgOf, toWire, type WorkloadRecord } from './workload.ts';

export interface Move {
  /** Stable word and a sentence. */
  readonly why: string;
  /** Demanded by the moves that end a workload. */
  readonly stopReason?: StopWord;
  readonly exitCode?: number;
}

@Injectable()
export class Transitions {
  readonly #unsaved = new Set<WorkloadRecord>();

  constructor(
    private readonly journal: Journal,
    private readonly courier: Courier,
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /**
   * Makes a record's first state durable and tells of it, once the intent it stands on is durable as well.
   *
   * @throws Fault when either is not; nothing was told then.
   */
  async begin(record: WorkloadRecord, intent: Promise<void>): Promise<void> {
    this.#note(record);
    await Promise.all([intent, this.journal.save(record)]);
    this.#tell(record);
  }

  /**
   * Moves a workload. The record is changed before this returns to its caller's turn; the promise resolves once the change is
   * durable, or once it is clear that the disk does not take it: what was observed stays true and is written when it can be.
   *
   * @throws Error when the table has no such move: a bug, not a refusal.
   */
  move(record: WorkloadRecord, event: WorkloadEvent, move: Move): Promise<void> {
    const next = workloadMachine.next(record.state, event);
    if (next === undefined || !mayCarry(record.state, event, move.stopReason)) {
      throw new Error(`workload ${record.id}: no ${event} from ${record.state} with ${move.stopReason ?? 'no reason'}`);
    }
    const now = this.clock.now();
    record.state = next;
    record.reason = move.why;
    record.since = now;
    if (next === 'running') record.startedAt = now;
    if (next === 'stopped') record.stoppedAt = now;
    if (move.stopReason !== undefined) record.stopReason = move.stopReason;
    if (move.exitCode !== undefined) record.exitCode = move.exitCode;
    this.#note(record);
    return this.save(record).then(() => this.#tell(record));
  }

  /** Journals a change that is no transition; a disk that refuses is tried again by `saveUnsaved`. */
  async save(record: WorkloadRecord): Promise<void> {
    try {
      await this.journal.save(record);
      this.#unsaved.delete(record);
    } catch (error) {
      this.#unsaved.add(record);
      this.log.error({ workload: record.id, error }, 'a change is not journalled yet');
    }
  }

  async saveUnsaved(): Promise<void> {
    for (const record of this.#unsaved) await this.save(record);
  }

  #note(record: WorkloadRecord): void {
    record.seq += 1;
    const now = this.clock.now();
    const event = create(RuntimeEventSchema, {
      id: newId('event', now),
      seq: BigInt(record.seq),
      at: timestampFromMs(now),
      workload: toWire(record),
    });
    record.unsent.push({ event, audited: false, reported: false });
  }

  #tell(record: WorkloadRecord): void {
    const { id, unit, state, stopReason, exitCode, epoch } = record;
    this.log.info(
      { workload: id, run: unit.run, state, stopReason, exitCode, epoch, why: record.reason },
      'workload moved',
    );
    const last = record.unsent.at(-1);
    if (last !== undefined) publish(this.bus, runtimeEvent(orgOf(record), id), RuntimeEventSchema, last.event);
    this.courier.kick(record);
  }
}
