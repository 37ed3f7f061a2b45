/** Ends a run with its dispatch and its task, and leaves word for those who must hear of it: one transaction. */

import { Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import type { Db } from '@sallyport/store/store';
import { AfterworkStore } from '../afterwork/afterwork.store.ts';
import { DispatchStore } from '../dispatches/dispatch.store.ts';
import { type Dispatch, end } from '../dispatches/dispatch.ts';
import type { Outcome } from '../dispatches/outcome.ts';
import { InputStore } from '../inputs/input.store.ts';
import { runMachine } from './run.machine.ts';
import { RunStore } from './run.store.ts';
import type { RunRecord } from './run.ts';
import { movesTo, type TaskMilestone } from './task.machine.ts';

const milestones = { complete: 'completed', fail: 'failed', cancel: 'cancelled' } as const satisfies Record<
  Outcome['run'],
  TaskMilestone
>;

@Injectable()
export class EndRun {
  constructor(
    private readonly dispatches: DispatchStore,
    private readonly runs: RunStore,
    private readonly inputs: InputStore,
    private readonly afterwork: AfterworkStore,
    private readonly clock: Clock,
  ) {}

  /** The dispatch must be locked by the transaction. Answers undefined when the run had ended before. */
  async execute(
    db: Db,
    dispatch: Dispatch,
    outcome: Outcome,
  ): Promise<{ run: RunRecord; dispatch: Dispatch } | undefined> {
    const now = this.clock.now();
    const ended = await this.dispatches.save(db, end(dispatch, outcome.reason, now));
    const run = await this.runs.lock(db, dispatch.run);
    if (run === undefined || runMachine.isTerminal(run.state)) return undefined;
    const after = await this.runs.move(db, await this.#begun(db, run, ended, outcome), ended, {
      run: outcome.run,
      task: movesTo(run.task.state, milestones[outcome.run]),
      reason: outcome.reason,
      message: outcome.message,
      ending: outcome.ending,
    });
    await this.inputs.lapse(db, run.id, now);
    await this.afterwork.add(db, run.org, run.id, ['end_launch', 'release_run'], now);
    return { run: after, dispatch: ended };
  }

  /** A run that completed was running, even when nobody told so. */
  #begun(db: Db, run: RunRecord, dispatch: Dispatch, outcome: Outcome): RunRecord | Promise<RunRecord> {
    if (outcome.run !== 'complete' || run.state !== 'queued') return run;
    return this.runs.move(db, run, dispatch, { run: 'start', reason: 'running' });
  }
}
