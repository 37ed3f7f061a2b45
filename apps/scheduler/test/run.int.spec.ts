import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Outcome } from '@sallyport/contracts/audit/v1/audit';
import { StopReason, WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import { RunState, TaskState } from '@sallyport/contracts/schedule/v1/schedule';
import { Verdict } from '@sallyport/contracts/unit/v1/event';
import { MountMode } from '@sallyport/contracts/unit/v1/unit';
import { Fault } from '@sallyport/core/fault';
import { aRole, aTask, brief, inState, quick, until, untilRun, type World, world } from './world.ts';

let w: World;

beforeAll(async () => {
  w = await world();
  await w.runtime.register();
  await w.api.applyRole({ role: aRole }, await w.as());
});

afterAll(() => w.close());

const start = async (text = 'write the report') => {
  const { run } = await w.api.createRun(
    { role: 'writer', start: aTask(text), mounts: [{ workspace: 'demo', mode: MountMode.RW }] },
    await w.as(),
  );
  if (run === undefined) throw new Error('no run');
  return run;
};

describe('a run', () => {
  test('goes from accepted to completed with what the agent said and committed', async () => {
    w.runtime.onStart = (id) => w.runtime.runThrough(id);
    const accepted = await start();
    expect(accepted).toMatchObject({
      state: RunState.QUEUED,
      taskState: TaskState.SUBMITTED,
      org: 'acme',
      environment: 'main',
      subject: 'usr_test',
      runner: 'native',
    });
    const run = await untilRun(w, accepted.id, inState(RunState.COMPLETED));
    expect(run).toMatchObject({
      taskState: TaskState.COMPLETED,
      reason: 'completed',
      verdict: Verdict.SUCCEEDED,
      exitCode: 0,
      reply: 'done',
      epoch: 1n,
    });
    expect(run.commits.map((commit) => commit.commit)).toEqual(['c'.repeat(40)]);
    expect(run.endedAt).toBeDefined();
    const unit = w.runtime.units.get(run.dispatch);
    expect(unit).toMatchObject({
      run: run.id,
      task: run.task,
      role: 'writer',
      profile: 'default',
      identity: { org: 'acme', subject: 'usr_test' },
    });
    expect(unit?.mounts.map((mount) => mount.workspace)).toEqual(['company', 'demo']);
  });

  test('is told to identity and workspace once it has ended', async () => {
    w.runtime.onStart = (id) => w.runtime.runThrough(id);
    const { id } = await start();
    await until(() => w.identity.ended.includes(id) && w.workspace.released.includes(id));
  });

  test('hands the session on to identity and leaves an audit trail without a gap', async () => {
    w.runtime.onStart = (id) => w.runtime.runThrough(id);
    const { id } = await start();
    await untilRun(w, id, inState(RunState.COMPLETED));
    const trail = () => w.audited.filter((event) => event.run === id);
    await until(() => trail().length === 4);
    expect(trail().map((event) => [event.kind, event.facts['to'], event.facts['task'] ?? ''])).toEqual([
      ['run.accepted', 'queued', ''],
      ['run.transition', 'queued', 'delivered'],
      ['run.transition', 'running', 'running'],
      ['run.transition', 'completed', 'completed'],
    ]);
    expect(trail().map((event) => event.facts['seq'])).toEqual(['1', '2', '3', '4']);
    expect(w.identity.sessions.at(-1)).toMatch(/^eyJ/);
  });

  const ends: readonly [string, StopReason, Verdict | undefined, RunState, TaskState, string][] = [
    ['its workload runs out of memory', StopReason.OOM, undefined, RunState.FAILED, TaskState.FAILED, 'oom'],
    [
      'its workload idles too long',
      StopReason.IDLE_TIMEOUT,
      undefined,
      RunState.FAILED,
      TaskState.FAILED,
      'idle_timeout',
    ],
    [
      'its workload lives too long',
      StopReason.MAX_LIFETIME,
      undefined,
      RunState.FAILED,
      TaskState.FAILED,
      'max_lifetime',
    ],
    ['its workload is lost', StopReason.LOST, undefined, RunState.FAILED, TaskState.FAILED, 'lost'],
    ['its command fails', StopReason.FAILED, undefined, RunState.FAILED, TaskState.FAILED, 'exit_nonzero'],
    [
      'the agent says it failed',
      StopReason.COMPLETED,
      Verdict.FAILED,
      RunState.FAILED,
      TaskState.FAILED,
      'agent_failed',
    ],
    [
      'the agent says it is blocked',
      StopReason.COMPLETED,
      Verdict.BLOCKED,
      RunState.FAILED,
      TaskState.FAILED,
      'agent_blocked',
    ],
    [
      'the agent claims success and its process failed',
      StopReason.FAILED,
      Verdict.SUCCEEDED,
      RunState.FAILED,
      TaskState.FAILED,
      'exit_nonzero',
    ],
    ['someone stops the workload', StopReason.STOPPED, undefined, RunState.CANCELLED, TaskState.CANCELLED, 'stopped'],
  ];
  test.each(ends)('ends with a reason when %s', async (_when, stopReason, verdict, state, taskState, reason) => {
    w.runtime.onStart = async (id) => {
      await w.runtime.report(id, WorkloadState.STARTING);
      await w.runtime.report(id, WorkloadState.RUNNING);
      await w.runtime.end(id, stopReason, verdict === undefined ? {} : { verdict });
    };
    const { id } = await start();
    const run = await untilRun(w, id, (each) => each.endedAt !== undefined);
    expect({ state: run.state, task: run.taskState, reason: run.reason }).toEqual({ state, task: taskState, reason });
  });

  test('whose sandbox cannot start ends as a failed delivery', async () => {
    w.runtime.onStart = (id) => w.runtime.end(id, StopReason.START_FAILED);
    const { id } = await start();
    expect(await untilRun(w, id, inState(RunState.FAILED))).toMatchObject({
      reason: 'start_failed',
      taskState: TaskState.DELIVERY_FAILED,
    });
  });

  test('fails with identity’s reason when no intent is minted for good', async () => {
    w.runtime.refuse = new Fault('resource_exhausted', 'runtime.quota', 'full');
    w.identity.refuseMint = new Fault('permission_denied', 'identity.principal_disabled', 'disabled');
    const { id } = await start();
    const run = await untilRun(w, id, (each) => each.endedAt !== undefined);
    w.identity.refuseMint = undefined;
    w.runtime.refuse = undefined;
    expect(run).toMatchObject({
      state: RunState.FAILED,
      reason: 'identity.principal_disabled',
      taskState: TaskState.DELIVERY_FAILED,
    });
  });

  test('waits under a new epoch when the edge has no room, and then runs', async () => {
    w.runtime.refuse = new Fault('resource_exhausted', 'runtime.quota', 'full');
    w.runtime.onStart = (id) => w.runtime.runThrough(id);
    const { id } = await start();
    const waiting = await untilRun(w, id, (run) => run.reason === 'runtime.quota');
    expect(waiting.state).toBe(RunState.QUEUED);
    w.runtime.refuse = undefined;
    const run = await untilRun(w, id, inState(RunState.COMPLETED));
    expect(run.epoch).toBeGreaterThan(1n);
    expect(w.runtime.starts.filter((each) => each === run.dispatch)).toHaveLength(1);
  });

  test('is kept, not started again, when the answer of the edge is lost', async () => {
    const own = await world({ ...quick, ...brief });
    await own.runtime.register();
    await own.api.applyRole({ role: aRole }, await own.as());
    own.runtime.mute = true;
    const { run: accepted } = await own.api.createRun({ role: 'writer', start: aTask() }, await own.as());
    const id = accepted?.id ?? '';
    const run = await untilRun(own, id, (each) => each.dispatch !== '' && own.runtime.workloads.has(each.dispatch));
    own.runtime.mute = false;
    await untilRun(own, id, (each) => each.reason === 'starting');
    await own.runtime.runThrough(run.dispatch);
    expect(await untilRun(own, id, inState(RunState.COMPLETED))).toMatchObject({ epoch: 1n });
    expect(own.runtime.starts).toEqual([run.dispatch]);
    await own.close();
  });
});

describe('reports', () => {
  const running = async (): Promise<{ id: string; dispatch: string }> => {
    w.runtime.onStart = async (id) => {
      await w.runtime.report(id, WorkloadState.STARTING);
      await w.runtime.report(id, WorkloadState.RUNNING);
    };
    const { id } = await start();
    return untilRun(w, id, inState(RunState.RUNNING));
  };

  const reportAs = async (dispatch: string, change: { epoch?: bigint; edge?: string; org?: string; seq?: bigint }) => {
    const workload = w.runtime.workloads.get(dispatch)!;
    return w.runtime.scheduler.reportWorkload({
      edge: change.edge ?? 'local',
      event: {
        id: 'evt_x',
        seq: change.seq ?? 99n,
        workload: {
          ...workload,
          state: WorkloadState.STOPPED,
          stopReason: StopReason.OOM,
          epoch: change.epoch ?? workload.epoch,
          org: change.org ?? workload.org,
        },
      },
    });
  };

  test('are refused under another epoch, from another edge and for another org, and change nothing', async () => {
    const { id, dispatch } = await running();
    await expect(reportAs(dispatch, { epoch: 0n })).rejects.toMatchObject({
      code: 'failed_precondition',
      reason: 'scheduler.stale_epoch',
    });
    await expect(reportAs(dispatch, { epoch: 2n })).rejects.toMatchObject({
      code: 'failed_precondition',
      reason: 'scheduler.stale_epoch',
    });
    await expect(reportAs(dispatch, { edge: 'other' })).rejects.toMatchObject({
      code: 'permission_denied',
      reason: 'scheduler.foreign_edge',
    });
    await expect(reportAs(dispatch, { org: 'globex' })).rejects.toMatchObject({
      code: 'not_found',
      reason: 'scheduler.dispatch_not_found',
    });
    await expect(reportAs(dispatch, { org: '*' })).rejects.toMatchObject({
      code: 'invalid_argument',
      reason: 'scheduler.report_invalid',
    });
    expect((await w.api.getRun({ id }, await w.as())).run?.state).toBe(RunState.RUNNING);
    await w.runtime.end(dispatch, StopReason.COMPLETED);
  });

  test('told again, or late, change nothing', async () => {
    const { id, dispatch } = await running();
    await reportAs(dispatch, { seq: 1n });
    expect((await w.api.getRun({ id }, await w.as())).run?.state).toBe(RunState.RUNNING);
    await w.runtime.end(dispatch, StopReason.COMPLETED);
    await reportAs(dispatch, { seq: 100n });
    expect((await w.api.getRun({ id }, await w.as())).run?.state).toBe(RunState.COMPLETED);
  });

  test('heartbeats name the leases that are lost and keep the others', async () => {
    const { dispatch } = await running();
    const held = [
      { dispatch, epoch: 1n },
      { dispatch, epoch: 7n },
      { dispatch: 'dsp_unknown', epoch: 1n },
    ];
    const { lost } = await w.runtime.scheduler.heartbeatEdge({ edge: 'local', held });
    expect(lost.map((ref) => [ref.dispatch, ref.epoch])).toEqual([
      [dispatch, 7n],
      ['dsp_unknown', 1n],
    ]);
    await expect(w.runtime.scheduler.heartbeatEdge({ edge: 'nobody', held: [] })).rejects.toMatchObject({
      reason: 'scheduler.edge_unknown',
    });
    await w.runtime.end(dispatch, StopReason.COMPLETED);
  });
});

describe('cancelling', () => {
  test('ends a waiting run at once', async () => {
    w.runtime.refuse = new Fault('resource_exhausted', 'runtime.quota', 'full');
    const { id } = await start();
    await untilRun(w, id, (run) => run.reason === 'runtime.quota');
    const { run } = await w.api.cancelRun({ id, why: 'not needed' }, await w.as());
    w.runtime.refuse = undefined;
    expect(run).toMatchObject({ id, reason: 'cancelled' });
    expect(await untilRun(w, id, inState(RunState.CANCELLED))).toMatchObject({
      taskState: TaskState.CANCELLED,
      message: 'not needed',
    });
  });

  test('stops a running one and ends it when the workload is gone; twice is not an error', async () => {
    w.runtime.onStart = async (id) => {
      await w.runtime.report(id, WorkloadState.STARTING);
      await w.runtime.report(id, WorkloadState.RUNNING);
    };
    const { id } = await start();
    await untilRun(w, id, inState(RunState.RUNNING));
    const answered = Promise.withResolvers<void>();
    w.runtime.before.stop = () => answered.promise;
    const [first, second] = await Promise.all([
      w.api.cancelRun({ id, why: 'enough' }, await w.as()),
      w.api.cancelRun({ id }, await w.as()),
    ]);
    answered.resolve();
    delete w.runtime.before.stop;
    expect([first.run?.id, second.run?.id]).toEqual([id, id]);
    expect(await untilRun(w, id, inState(RunState.CANCELLED))).toMatchObject({
      reason: 'cancelled',
      verdict: Verdict.CANCELLED,
    });
  });

  test('refuses an ended run, with its state and what would be allowed', async () => {
    w.runtime.onStart = (id) => w.runtime.runThrough(id);
    const { id } = await start();
    await untilRun(w, id, inState(RunState.COMPLETED));
    await expect(w.api.cancelRun({ id }, await w.as())).rejects.toMatchObject({
      code: 'failed_precondition',
      reason: 'scheduler.run_ended',
      detail: { state: 'completed', allowed: '' },
    });
  });
});

test('a refused request leaves one audit event with its reason', async () => {
  await expect(
    w.api.createRun({ role: 'nobody', start: aTask() }, await w.as({ sub: 'usr_refused' })),
  ).rejects.toMatchObject({ reason: 'scheduler.role_not_found' });
  const refusals = () => w.audited.filter((event) => event.subject === 'usr_refused');
  await until(() => refusals().length > 0);
  expect(refusals().map((event) => [event.kind, event.outcome, event.reason])).toEqual([
    ['run.refused', Outcome.DENY, 'scheduler.role_not_found'],
  ]);
});
