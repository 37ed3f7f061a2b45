/** Records what an edge observed of a workload, under the lease it holds. Told again, it changes nothing. */

import { Inject, Injectable } from '@nestjs/common';
import { type Workload, WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import type { ReportWorkloadRequest } from '@sallyport/contracts/schedule/v1/schedule';
import { Clock } from '@sallyport/core/clock';
import { isSlug } from '@sallyport/core/ids';
import { OutboxRelay } from '@sallyport/service/relay';
import { CONFIG } from '@sallyport/service/start';
import { type Db, Store } from '@sallyport/store/store';
import { boundsOf, type SchedulerConfig } from '../config.ts';
import { dispatchNotFound, foreignEdge, reportInvalid, staleEpoch } from '../faults.ts';
import { EndRun } from '../runs/end-run.ts';
import { runMachine } from '../runs/run.machine.ts';
import { RunStore } from '../runs/run.store.ts';
import { movesTo } from '../runs/task.machine.ts';
import { Wake } from '../wake.ts';
import { DispatchStore } from './dispatch.store.ts';
import { type Bounds, type Dispatch, renew, start } from './dispatch.ts';
import { outcomeOf } from './outcome.ts';

const known: readonly number[] = Object.values(WorkloadState).filter((state) => state !== WorkloadState.UNSPECIFIED);

interface Report {
  readonly workload: Workload;
  readonly seq: number;
  readonly request: ReportWorkloadRequest;
}

@Injectable()
export class ReportWorkload {
  readonly #bounds: Bounds;

  constructor(
    private readonly store: Store,
    private readonly dispatches: DispatchStore,
    private readonly runs: RunStore,
    private readonly endRun: EndRun,
    private readonly relay: OutboxRelay,
    private readonly wake: Wake,
    private readonly clock: Clock,
    @Inject(CONFIG) config: SchedulerConfig,
  ) {
    this.#bounds = boundsOf(config);
  }

  async execute(request: ReportWorkloadRequest): Promise<void> {
    const report = parse(request);
    const { workload } = report;
    const ended = await this.store.tx(workload.org, async (db) => {
      const dispatch = await this.dispatches.lock(db, workload.id);
      if (dispatch === undefined) throw dispatchNotFound(workload.id);
      fence(dispatch, workload, request.edge);
      if (dispatch.state === 'ended' || report.seq <= dispatch.workloadSeq) return false;
      return this.#record(db, dispatch, report);
    });
    this.relay.kick();
    if (ended) this.wake.ring();
  }

  /** Answers whether the run is over. */
  async #record(db: Db, before: Dispatch, { workload, seq, request }: Report): Promise<boolean> {
    const now = this.clock.now();
    const held = before.state === 'leased' ? start(before, now, this.#bounds) : renew(before, now, this.#bounds);
    const dispatch = { ...held, workloadSeq: seq };
    switch (workload.state) {
      case WorkloadState.STARTING:
        await this.#progress(db, { ...dispatch, reason: 'starting' }, 'delivered');
        return false;
      case WorkloadState.RUNNING:
        await this.#progress(db, { ...dispatch, reason: 'running' }, 'running');
        return false;
      case WorkloadState.STOPPING:
        await this.dispatches.save(db, { ...dispatch, reason: 'stopping' });
        return false;
      default: {
        const closing = {
          result: request.result,
          commits: request.commits,
          wished: before.wish === 'stop',
          why: before.why,
        };
        await this.endRun.execute(db, dispatch, outcomeOf(workload, closing));
        return true;
      }
    }
  }

  async #progress(db: Db, dispatch: Dispatch, milestone: 'delivered' | 'running'): Promise<void> {
    const saved = await this.dispatches.save(db, dispatch);
    const run = await this.runs.lock(db, dispatch.run);
    if (run === undefined || runMachine.isTerminal(run.state)) return;
    const task = movesTo(run.task.state, milestone);
    const move = milestone === 'running' && run.state === 'queued' ? { run: 'start' as const } : {};
    if (task.length > 0 || 'run' in move)
      await this.runs.move(db, run, saved, { ...move, task, reason: dispatch.reason });
  }
}

function parse(request: ReportWorkloadRequest): Report {
  const workload = request.event?.workload;
  if (request.event === undefined || workload === undefined) throw reportInvalid('it holds no workload');
  if (!isSlug(workload.org)) throw reportInvalid('the workload names no org');
  if (!known.includes(workload.state)) throw reportInvalid('the workload is in no known state');
  return { workload, seq: Number(request.event.seq), request };
}

function fence(dispatch: Dispatch, workload: Workload, edge: string): void {
  const given = Number(workload.epoch);
  if (given !== dispatch.epoch || dispatch.state === 'queued') throw staleEpoch(dispatch.id, given, dispatch.epoch);
  if (dispatch.edge !== edge) throw foreignEdge(dispatch.id);
}
