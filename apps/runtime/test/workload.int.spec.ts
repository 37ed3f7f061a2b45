import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { StopReason, WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import { Verdict } from '@sallyport/contracts/unit/v1/event';
import { LimitsSchema, MountMode } from '@sallyport/contracts/unit/v1/unit';
import { Fault } from '@sallyport/core/fault';
import { aUnit } from '../src/workloads/workload.builder.ts';
import { World } from './world.ts';

let world: World;

beforeAll(async () => {
  world = await World.open({ SALLY_RUNTIME_OWNER_QUOTA: '4', SALLY_RUNTIME_GRACE_SECONDS: '300' });
  await world.serveEgress();
});

afterAll(async () => {
  await world.close();
});

const say = (text: string): string => `await emit({ messageDelta: { text: ${JSON.stringify(text)} } });`;
const hang = 'await new Promise(() => setInterval(() => {}, 1000));';

describe('a workload', () => {
  test('runs from its intent to its end, and tells every step', async () => {
    const unit = world.unit(`${say('hello')} await done('VERDICT_SUCCEEDED', 'bye');`);
    const created = await world.create(unit);
    expect(created).toMatchObject({ id: unit.dispatch, state: WorkloadState.STARTING, owner: 'usr_1' });
    const end = await world.ended(unit);
    expect(end).toMatchObject({
      edge: 'local',
      event: { workload: { stopReason: StopReason.COMPLETED, exitCode: 0, epoch: 1n } },
      result: { verdict: Verdict.SUCCEEDED, reply: 'bye' },
    });
    expect(world.reportsOf(unit).map(({ event }) => [event?.seq, event?.workload?.state])).toEqual([
      [1n, WorkloadState.STARTING],
      [2n, WorkloadState.RUNNING],
      [3n, WorkloadState.STOPPED],
    ]);
    const output = world.outputOf(unit);
    expect(output.map(({ seq }) => seq)).toEqual(output.map((_, index) => BigInt(index + 1)));
    const stages = output.flatMap(({ body }) => (body.case === 'stageReached' ? [body.value.stage] : []));
    expect(stages).toEqual(['accepted', 'sandbox', 'attested', 'mounted', 'started', 'captured', 'ended']);
    await world.until(() => world.kinds(unit).filter((kind) => kind === 'runtime.transition').length === 3);
    expect(world.kinds(unit)).toEqual(
      expect.arrayContaining(['runtime.intent', 'attest.evidence', 'runtime.transition']),
    );
  });

  test('commits what its agent left in a rw mount before its end is told', async () => {
    const mounts = aUnit().mounts;
    const unit = world.unit(`fs.writeFileSync('/workspace/demo/report.md', 'hello'); await done();`, { mounts });
    await world.create(unit);
    const end = await world.ended(unit);
    expect(end.commits).toMatchObject([{ workspace: 'demo', commit: 'd'.repeat(40) }]);
    expect(world.commits.at(-1)).toMatchObject({ workspace: 'demo' });
    expect(world.commits.at(-1)?.upload).not.toBe('');
  });

  test('cannot write where its mount is ro', async () => {
    const mounts = aUnit().mounts.map((mount) => ({ ...mount, mode: MountMode.RO }));
    const code = `try { fs.writeFileSync('/workspace/demo/x', 'x'); } catch (error) { await emit({ messageDelta: { text: error.code } }); } await done();`;
    const unit = world.unit(code, { mounts });
    await world.create(unit);
    expect((await world.ended(unit)).commits).toEqual([]);
    expect(world.texts(unit)).toEqual(['EROFS']);
  });

  test('that fails is failed, whatever its agent claims', async () => {
    const end = await world.run(`await done('VERDICT_SUCCEEDED', '', 3);`);
    expect(end).toMatchObject({
      event: { workload: { stopReason: StopReason.FAILED, exitCode: 3 } },
      result: { verdict: Verdict.FAILED },
    });
  });

  test('that says nothing at its end is a runner error', async () => {
    const end = await world.run('process.exit(0);');
    expect(end.result?.verdict).toBe(Verdict.RUNNER_ERROR);
  });

  test('that ends before it was given its work never started', async () => {
    world.exchangeFault = new Fault('permission_denied', 'identity.launch_ended', 'ended');
    const end = await world.run('await done();').finally(() => {
      world.exchangeFault = undefined;
    });
    expect(end.event?.workload).toMatchObject({ state: WorkloadState.STOPPED, stopReason: StopReason.START_FAILED });
    expect(end.event?.workload?.reason).toContain('identity.launch_ended');
  });
});

describe('a create', () => {
  test('of a live workload is a touch: nothing starts, nothing is told', async () => {
    const unit = world.unit(`${hang}`);
    await world.create(unit);
    await world.reported(unit, WorkloadState.RUNNING);
    const exchanges = world.exchanges;
    expect(await world.create(unit)).toMatchObject({ state: WorkloadState.RUNNING });
    expect(world.exchanges).toBe(exchanges);
    expect(world.reportsOf(unit)).toHaveLength(2);
    await world.client.stopWorkload({ id: unit.dispatch });
    await world.ended(unit);
    expect(await world.create(unit)).toMatchObject({ state: WorkloadState.STOPPED });
  });

  test('racing with itself starts one sandbox', async () => {
    const unit = world.unit('await done();');
    const token = await world.intent(unit);
    const before = world.exchanges;
    await Promise.all(Array.from({ length: 20 }, () => world.client.createWorkload({ unit }, { token })));
    await world.ended(unit);
    expect(world.exchanges).toBe(before + 1);
    expect(world.reportsOf(unit)).toHaveLength(3);
  });

  test('by racing callers admits exactly the quota', async () => {
    const units = Array.from({ length: 8 }, () => world.unit(hang));
    const outcomes = await Promise.allSettled(units.map((unit) => world.create(unit)));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toHaveLength(4);
    expect(refused[0]?.reason).toMatchObject({ code: 'resource_exhausted', reason: 'runtime.quota_exceeded' });
    const admitted = units.filter((_, index) => outcomes[index]?.status === 'fulfilled');
    await Promise.all(admitted.map((unit) => world.client.stopWorkload({ id: unit.dispatch })));
    await Promise.all(admitted.map((unit) => world.ended(unit)));
  });

  test('after a stop of the same id never starts', async () => {
    const unit = world.unit('await done();');
    const { workload } = await world.client.stopWorkload({ id: unit.dispatch, why: 'cancelled' });
    expect(workload).toMatchObject({ state: WorkloadState.STOPPED, stopReason: StopReason.STOPPED });
    await expect(world.create(unit)).rejects.toMatchObject({
      code: 'failed_precondition',
      reason: 'runtime.stopped_before_start',
    });
  });

  test('of a later attempt ends the earlier one and asks to come again; of an earlier one is refused', async () => {
    const unit = world.unit(hang);
    await world.create(unit, 2);
    await world.reported(unit, WorkloadState.RUNNING);
    await expect(world.create(unit, 1)).rejects.toMatchObject({
      code: 'failed_precondition',
      reason: 'runtime.stale_epoch',
    });
    await expect(world.create(unit, 3)).rejects.toMatchObject({ code: 'aborted', reason: 'runtime.superseded' });
    await world.ended(unit);
    expect(await world.create(unit, 3)).toMatchObject({ state: WorkloadState.STARTING, epoch: 3n });
    await world.until(() =>
      world
        .reportsOf(unit)
        .some(({ event }) => event?.workload?.epoch === 3n && event.workload.state === WorkloadState.RUNNING),
    );
    await world.client.stopWorkload({ id: unit.dispatch });
    await world.until(() =>
      world
        .reportsOf(unit)
        .some(({ event }) => event?.workload?.epoch === 3n && event.workload.state === WorkloadState.STOPPED),
    );
    const seqs = world.reportsOf(unit).map(({ event }) => event?.seq);
    expect(seqs).toEqual(seqs.map((_, index) => BigInt(index + 1)));
  });

  test('starts nothing while the audit log cannot record', async () => {
    world.auditDown = true;
    const unit = world.unit('await done();');
    const before = world.exchanges;
    await expect(world.create(unit)).rejects.toMatchObject({ code: 'unavailable', reason: 'audit.unavailable' });
    world.auditDown = false;
    expect(world.exchanges).toBe(before);
    expect(world.reportsOf(unit)).toEqual([]);
    expect(readdirSync(join(world.directory, 'workloads'))).not.toContain(unit.dispatch);
  });

  test.each([
    ['without a token', async () => ({ unit: world.unit(''), token: undefined }), 'unauthenticated', 'token.missing'],
    ['with a foreign token', async () => ({ unit: world.unit(''), token: 'a.b.c' }), 'unauthenticated', undefined],
    [
      'with a session token',
      async () => ({ unit: world.unit(''), token: await world.issuer.session('runtime') }),
      'unauthenticated',
      'token.typ',
    ],
    [
      'with a dispatch token',
      async () => ({ unit: world.unit(''), token: (await world.issuer.dispatch()).token }),
      'unauthenticated',
      'token.typ',
    ],
    [
      'with another unit’s token',
      async () => ({ unit: world.unit('a'), token: await world.intent(world.unit('b')) }),
      'permission_denied',
      'runtime.intent_mismatch',
    ],
    [
      'with a unit changed after minting',
      async () => {
        const unit = world.unit('honest');
        const token = await world.intent(unit);
        return { unit: { ...unit, argv: ['evil'] }, token };
      },
      'permission_denied',
      'runtime.intent_mismatch',
    ],
    [
      'meant for another edge',
      async () => {
        const unit = world.unit('');
        return { unit, token: await world.intent(unit, 1, 'elsewhere') };
      },
      'permission_denied',
      'runtime.intent_mismatch',
    ],
    [
      'of an unknown profile',
      async () => {
        const unit = world.unit('', { profile: 'root' });
        return { unit, token: await world.intent(unit) };
      },
      'invalid_argument',
      'runtime.profile_unknown',
    ],
  ] as const)('%s is refused', async (_, make, code, reason) => {
    const { unit, token } = await make();
    const refusal = expect(world.client.createWorkload({ unit }, { token }));
    await refusal.rejects.toMatchObject({ code, ...(reason && { reason }) });
    await expect(world.client.getWorkload({ id: unit.dispatch })).rejects.toMatchObject({ code: 'not_found' });
  });

  test('is the scheduler’s alone', async () => {
    const unit = world.unit('');
    const token = await world.intent(unit);
    await expect(world.operator.createWorkload({ unit }, { token })).rejects.toMatchObject({
      code: 'permission_denied',
      reason: 'bus.caller',
    });
  });
});

describe('an end', () => {
  test('asked for is told to the supervisor, which ends by itself', async () => {
    const unit = world.unit(
      `process.on('SIGTERM', () => {}); ${say('ready')} await stopped(); ${say('stopping')} await done('VERDICT_CANCELLED');`,
    );
    await world.create(unit);
    await world.until(() => world.texts(unit).includes('ready'));
    const { workload } = await world.client.stopWorkload({ id: unit.dispatch, why: 'a person asked' });
    expect(workload).toMatchObject({ state: WorkloadState.STOPPING, reason: 'stopped: a person asked' });
    const end = await world.ended(unit);
    expect(end).toMatchObject({
      event: { workload: { stopReason: StopReason.STOPPED } },
      result: { verdict: Verdict.CANCELLED },
    });
    expect(world.texts(unit)).toEqual(['ready', 'stopping']);
  });

  test('comes to an agent that ignores SIGTERM', async () => {
    const strict = await World.open({ SALLY_RUNTIME_GRACE_SECONDS: '0' });
    const unit = strict.unit(`process.on('SIGTERM', () => {}); ${say('deaf')} ${hang}`);
    await strict.create(unit);
    await strict.until(() => strict.texts(unit).length > 0);
    await strict.client.stopWorkload({ id: unit.dispatch });
    expect((await strict.ended(unit)).event?.workload?.stopReason).toBe(StopReason.STOPPED);
    await strict.close();
  });

  test('while starting leaves nothing behind', async () => {
    const unit = world.unit(hang);
    await world.create(unit);
    await world.client.stopWorkload({ id: unit.dispatch });
    expect((await world.ended(unit)).event?.workload).toMatchObject({ stopReason: StopReason.STOPPED });
    expect(world.texts(unit)).toEqual([]);
  });

  test('comes with the lifetime, whatever the workload does', async () => {
    const limits = create(LimitsSchema, { lifetimeSeconds: 300 });
    const unit = world.unit(`setInterval(() => emit({ messageDelta: { text: 'busy' } }), 100); ${hang}`, { limits });
    await world.create(unit);
    await world.until(() => world.texts(unit).length > 2);
    world.clock.advance(300_000);
    expect(await world.ended(unit)).toMatchObject({
      event: { workload: { stopReason: StopReason.MAX_LIFETIME } },
      result: { verdict: Verdict.BUDGET_EXHAUSTED },
    });
  });

  test('comes to the idle, and not to the touched', async () => {
    const limits = create(LimitsSchema, { idleSeconds: 300 });
    const idle = world.unit(hang, { limits });
    const busy = world.unit(`setInterval(() => emit({ messageDelta: { text: 'busy' } }), 20); ${hang}`, { limits });
    for (const unit of [idle, busy]) {
      await world.create(unit);
      await world.reported(unit, WorkloadState.RUNNING);
    }
    world.clock.advance(200_000);
    const said = world.texts(busy).length;
    await world.until(() => world.texts(busy).length > said + 1);
    world.clock.advance(200_000);
    expect((await world.ended(idle)).event?.workload?.stopReason).toBe(StopReason.IDLE_TIMEOUT);
    expect((await world.client.getWorkload({ id: busy.dispatch })).workload?.state).toBe(WorkloadState.RUNNING);
    await world.client.stopWorkload({ id: busy.dispatch });
    await world.ended(busy);
  });

  test('comes when the scheduler counts the lease as lost', async () => {
    const unit = world.unit(hang, { mounts: aUnit().mounts });
    await world.create(unit);
    await world.reported(unit, WorkloadState.RUNNING);
    world.lost.add(unit.dispatch);
    const end = await world.ended(unit);
    expect(end.event?.workload?.reason).toMatch(/^lease_lost/);
    expect(end.commits).toEqual([]);
  });

  test('is found out by nobody asking when the sandbox dies', async () => {
    const unit = world.unit(`process.kill(process.pid, 'SIGKILL'); ${hang}`);
    await world.create(unit);
    expect((await world.ended(unit)).event?.workload).toMatchObject({ stopReason: StopReason.FAILED, exitCode: 137 });
  });

  test('is reclaimed on demand, not while it lives', async () => {
    const unit = world.unit(hang);
    await world.create(unit);
    await world.reported(unit, WorkloadState.RUNNING);
    await expect(world.operator.destroyWorkload({ id: unit.dispatch })).rejects.toMatchObject({
      reason: 'runtime.workload_live',
    });
    await world.operator.stopWorkload({ id: unit.dispatch });
    await world.ended(unit);
    const { workload } = await world.operator.destroyWorkload({ id: unit.dispatch });
    expect(workload?.state).toBe(WorkloadState.DESTROYED);
    expect(existsSync(join(world.directory, 'workloads', unit.dispatch, 'mounts'))).toBe(false);
    await expect(world.operator.destroyWorkload({ id: aUnit().dispatch })).rejects.toMatchObject({
      reason: 'runtime.workload_unknown',
    });
  });
});

describe('a tunnel', () => {
  test('carries bytes both ways under the workload’s token and a proof of its own', async () => {
    const code = `
      const { status, socket } = await connect('model.sallyport.internal:80');
      socket.write('ping');
      socket.once('data', async (bytes) => { await emit({ messageDelta: { text: status + ' ' + bytes } }); await done(); });
      ${hang}`;
    const unit = world.unit(code);
    await world.create(unit);
    await world.ended(unit);
    expect(world.texts(unit)).toEqual(['200 ping']);
    const tunnel = world.tunnels.at(-1);
    expect(tunnel?.target).toBe('model.sallyport.internal:80');
    expect(tunnel?.token.split('.')).toHaveLength(3);
    expect(tunnel?.proof.split('.')).toHaveLength(3);
    const journal = JSON.parse(readFileSync(join(world.directory, 'workloads', unit.dispatch, 'journal.json'), 'utf8'));
    expect(journal.token.raw).toBe(tunnel?.token);
  });

  test('hands egress’s refusal on with its reason', async () => {
    const code = `
      const { status, headers } = await connect('denied.example:443');
      await emit({ messageDelta: { text: status + ' ' + headers['sally-deny-reason'] } });
      await done();`;
    const unit = world.unit(code);
    await world.create(unit);
    await world.ended(unit);
    expect(world.texts(unit)).toEqual(['403 host_not_allowed']);
  });
});

describe('a revocation', () => {
  test('kills the workload without a grace and commits nothing', async () => {
    const unit = world.unit(hang, { mounts: aUnit().mounts });
    await world.create(unit);
    await world.reported(unit, WorkloadState.RUNNING);
    const commits = world.commits.length;
    await world.revokeAll();
    const end = await world.ended(unit);
    // SIGTERM would have ended it with 143.
    expect(end.event?.workload).toMatchObject({ reason: expect.stringMatching(/^revoked/), exitCode: 137 });
    expect(world.commits).toHaveLength(commits);
  });
});
