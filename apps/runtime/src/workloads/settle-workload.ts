/**
 * What follows when a sandbox is gone: its work is committed, its output closed, its end told.
 *
 * Runs only on the substrate's word. A failure to observe is tried again and is never taken for an exit.
 */

import { create } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import { type Committed, CommittedSchema } from '@sallyport/contracts/unit/v1/event';
import { Clock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { Log } from '@sallyport/service/log';
import type { Backend, Handle } from '../backends/backend.ts';
import { Mounts } from '../mounts/mounts.ts';
import type { PreparedMount } from '../mounts/prepared-mount.ts';
import { workMicros } from '../output/output-log.ts';
import { BACKEND } from '../parts.ts';
import { Backoff } from '../reports/backoff.ts';
import { howItEnded } from './how-it-ended.ts';
import { KeyedMutex } from './keyed-mutex.ts';
import type { LiveWorkload } from './live-workload.ts';
import { Transitions } from './transitions.ts';
import { type Gone, resultOf } from './verdict.ts';
import type { Ending } from './workload.ts';

const tailBytes = 4096;

/** Milliseconds for which a commit is tried again; the token it needs does not outlive this by much. */
const captureMs = 120_000;

/** Reasons of a fault that say the right to commit is gone, so that nothing is owed either. */
const rightless: ReadonlySet<string> = new Set(['permission_denied', 'unauthenticated']);

/** A workload that is stopping without a wish in its record. */
const unexplained: Ending = { reason: 'stopped', why: 'stopped: as asked', capture: true };

@Injectable()
export class SettleWorkload {
  readonly #locks = new KeyedMutex();
  readonly #watching = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(
    private readonly transitions: Transitions,
    private readonly mounts: Mounts,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(BACKEND) private readonly backend: Backend,
  ) {}

  /** Settles the workload when its sandbox is gone. Nobody needs to ask. */
  watch(live: LiveWorkload, handle: Handle): void {
    const watching = this.#watch(live, handle)
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted)
          this.log.error({ workload: live.record.id, error }, 'an end could not be settled');
      })
      .finally(() => this.#watching.delete(watching));
    this.#watching.add(watching);
  }

  /** Resolves once every workload that is gone by now is settled. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#watching);
  }

  /** Stops watching; sandboxes go on. */
  close(): void {
    this.#closing.abort();
  }

  /** Ends a workload that never had a sandbox. */
  async settleUnstarted(live: LiveWorkload): Promise<void> {
    await this.settle(live, { state: 'lost' });
  }

  /** Ends a workload whose sandbox is gone. Asked again, it does nothing. */
  settle(live: LiveWorkload, gone: Gone): Promise<void> {
    return this.#locks.run(live.record.id, () => this.#settle(live, gone));
  }

  async #watch(live: LiveWorkload, handle: Handle): Promise<void> {
    const backoff = new Backoff({ firstMs: 50, maxMs: 2_000 });
    for (;;) {
      try {
        const gone = await this.backend.waitExit(handle, this.#closing.signal);
        return await this.settle(live, gone);
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        this.log.error({ workload: live.record.id, error }, 'the substrate does not say whether a sandbox lives');
        await backoff.wait(this.#closing.signal);
      }
    }
  }

  async #settle(live: LiveWorkload, gone: Gone): Promise<void> {
    const { record, output } = live;
    if (record.state === 'stopped' || record.state === 'destroyed') return;
    live.gone.abort();
    live.work.reject(new Error('the sandbox is gone'));
    await live.down;
    await live.tether?.close();
    record.logTail = await this.#tailOf(live);
    const ran = record.startedAt !== undefined;
    const captured = ran && (await this.#capture(live));
    if (output.dropped > 0) output.say({ case: 'outputDropped', value: { bytes: BigInt(output.dropped) } });
    const { event, stopReason, why } = howItEnded({
      gone,
      ending: record.state === 'stopping' ? (record.ending ?? unexplained) : undefined,
      ran,
      sandboxed: record.handle !== undefined,
      captured,
      startFault: live.startFault,
    });
    if (ran) record.result = resultOf(gone, stopReason, output.result);
    output.stage('ended', { reason: stopReason });
    const exitCode = gone.state === 'exited' && record.handle !== undefined ? { exitCode: gone.code } : {};
    await this.transitions.move(record, event, { why, stopReason, ...exitCode });
    await this.#release(live);
  }

  /** Commits every rw mount; answers whether nothing that is owed was lost. */
  async #capture(live: LiveWorkload): Promise<boolean> {
    const { record, output } = live;
    if (record.ending?.capture === false) return false;
    const owed = record.mounts.filter(
      ({ mode, workspace }) => mode === 'rw' && !record.commits.some((commit) => commit.workspace === workspace),
    );
    record.reason = 'capturing: the sandbox is gone and its work is being committed';
    const begun = this.clock.monotonic();
    const outcomes = await Promise.all(owed.map((mount) => this.#captureOne(live, mount)));
    const commits = outcomes.filter((outcome) => outcome !== undefined);
    for (const committed of commits) {
      record.commits.push(committed);
      output.say({ case: 'committed', value: committed });
    }
    output.stage('captured', {
      mounts: String(commits.length),
      work_micros: workMicros(begun, this.clock.monotonic()),
    });
    return commits.length === owed.length;
  }

  async #captureOne(live: LiveWorkload, mount: PreparedMount): Promise<Committed | undefined> {
    const backoff = new Backoff({ firstMs: 100, maxMs: 5_000 });
    const until = AbortSignal.any([AbortSignal.timeout(captureMs), this.#closing.signal]);
    for (;;) {
      try {
        const { commit, files, refused } = await this.mounts.capture(mount, live.access);
        return create(CommittedSchema, { workspace: mount.workspace, commit, files, refused: { ...refused } });
      } catch (thrown) {
        // The next process finds the workload unsettled and commits its work.
        this.#closing.signal.throwIfAborted();
        const fault = Fault.from(thrown);
        this.log.error(
          { workload: live.record.id, workspace: mount.workspace, error: fault },
          'a mount could not be committed',
        );
        if (!fault.retryable || rightless.has(fault.code) || until.aborted) {
          live.output.say({ case: 'error', value: { reason: fault.reason, message: fault.message } });
          return undefined;
        }
        await backoff.wait(until);
      }
    }
  }

  async #release(live: LiveWorkload): Promise<void> {
    for (const mount of live.record.mounts) {
      await this.mounts
        .release(mount, live.access)
        .catch((error: unknown) =>
          this.log.warn({ workload: live.record.id, error }, 'a mount could not be released; the run’s end will'),
        );
    }
  }

  async #tailOf({ record }: LiveWorkload): Promise<string> {
    if (record.handle === undefined) return '';
    try {
      const { tail } = await this.backend.log(record.handle, tailBytes);
      return Buffer.from(tail).toString('utf8');
    } catch {
      return '';
    }
  }
}
