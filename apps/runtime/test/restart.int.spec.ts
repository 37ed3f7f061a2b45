import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { StopReason, WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import { Verdict } from '@sallyport/contracts/unit/v1/event';
import type { ServiceChild } from '@sallyport/testkit/service-child';
import { aUnit } from '../src/workloads/workload.builder.ts';
import { handleOf, hang, isAlive, until } from './lifecycle.builder.ts';
import { World } from './world.ts';

let world: World;
let child: ServiceChild;

beforeEach(async () => {
  world = await World.around({ SALLY_RUNTIME_GRACE_SECONDS: '300' });
  child = world.child();
  await child.start();
});

afterEach(async () => {
  await child.end('SIGTERM');
  await world.close();
});

describe('a runtime that is killed and started again', () => {
  test('goes on with a live workload as if nothing had been', async () => {
    const code = `
      await emit({ messageDelta: { text: 'before' } });
      ${until('/workspace/demo/go')}
      await emit({ messageDelta: { text: 'after' } });
      await done('VERDICT_SUCCEEDED', 'both');`;
    const unit = world.unit(code, { mounts: aUnit().mounts });
    await world.create(unit);
    await world.until(() => world.texts(unit).includes('before'));
    const { pid } = handleOf(world, unit);
    await child.end('SIGKILL');
    expect(isAlive(pid)).toBe(true);
    await child.start();
    const { workload } = await world.client.getWorkload({ id: unit.dispatch });
    expect(workload).toMatchObject({ state: WorkloadState.RUNNING, owner: 'usr_1', epoch: 1n });
    expect(await world.create(unit)).toMatchObject({ state: WorkloadState.RUNNING });
    writeFileSync(join(world.directory, 'workloads', unit.dispatch, 'mounts', 'demo', 'go'), '');
    const end = await world.ended(unit);
    expect(end).toMatchObject({
      event: { workload: { stopReason: StopReason.COMPLETED, exitCode: 0 } },
      result: { verdict: Verdict.SUCCEEDED, reply: 'both' },
      commits: [{ workspace: 'demo' }],
    });
    expect(world.texts(unit)).toEqual(['before', 'after']);
    const seqs = world.outputOf(unit).map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.map((_, index) => BigInt(index + 1)));
    expect(world.exchanges).toBe(1);
  });

  test('settles from evidence what ended meanwhile', async () => {
    const code = `await emit({ messageDelta: { text: 'ready' } }); ${until('/workspace/demo/go')} process.exit(7);`;
    const unit = world.unit(code, { mounts: aUnit().mounts });
    await world.create(unit);
    await world.until(() => world.texts(unit).includes('ready'));
    const { pid } = handleOf(world, unit);
    await child.end('SIGKILL');
    const gone = new Promise<void>((resolve) => {
      const look = setInterval(() => {
        if (isAlive(pid)) return;
        clearInterval(look);
        resolve();
      }, 20);
    });
    writeFileSync(join(world.directory, 'workloads', unit.dispatch, 'mounts', 'demo', 'go'), '');
    await gone;
    await child.start();
    const end = await world.ended(unit);
    expect(end.event?.workload).toMatchObject({ stopReason: StopReason.FAILED, exitCode: 7 });
    expect(end.commits).toMatchObject([{ workspace: 'demo' }]);
  });

  test('ends what had not got its work, and starts nothing twice', async () => {
    const gate = Promise.withResolvers<void>();
    world.exchangeGate = gate.promise;
    const unit = world.unit(hang);
    await world.create(unit);
    await world.until(() => world.exchanges === 1);
    await child.end('SIGKILL');
    gate.resolve();
    await child.start();
    const end = await world.ended(unit);
    expect(end.event?.workload).toMatchObject({ stopReason: StopReason.START_FAILED });
    expect(end.event?.workload?.reason).toMatch(/^runtime\.edge_restarted/);
    expect(world.exchanges).toBe(1);
    expect(await world.create(unit)).toMatchObject({ state: WorkloadState.STOPPED });
  });

  test('kills a sandbox no journal knows', async () => {
    const unit = world.unit(hang);
    await world.create(unit);
    await world.reported(unit, WorkloadState.RUNNING);
    const { pid } = handleOf(world, unit);
    await child.end('SIGKILL');
    rmSync(join(world.directory, 'workloads', unit.dispatch, 'journal.json'));
    await child.start();
    expect(isAlive(pid)).toBe(false);
    await expect(world.client.getWorkload({ id: unit.dispatch })).rejects.toMatchObject({ code: 'not_found' });
  });

  test('still tells what it could not tell before', async () => {
    const unit = world.unit(`await emit({ messageDelta: { text: 'kept' } }); await done();`);
    world.schedulerDown = true;
    await world.create(unit);
    await world.until(() => world.kinds(unit).filter((kind) => kind === 'runtime.transition').length === 3);
    expect((await world.client.getWorkload({ id: unit.dispatch })).workload?.state).toBe(WorkloadState.STOPPED);
    await child.end('SIGKILL');
    world.schedulerDown = false;
    await child.start();
    await world.ended(unit);
    expect(world.reportsOf(unit).map(({ event }) => event?.seq)).toEqual([1n, 2n, 3n]);
    expect(world.texts(unit)).toEqual(['kept']);
  });

  test('remembers a stop that came before its workload', async () => {
    const unit = world.unit(hang);
    await world.client.stopWorkload({ id: unit.dispatch });
    await child.end('SIGKILL');
    await child.start();
    await expect(world.create(unit)).rejects.toMatchObject({ reason: 'runtime.stopped_before_start' });
  });
});

describe('a runtime that is asked to end', () => {
  test('cuts their grace to end its workloads, tells so, and leaves no process', async () => {
    const unit = world.unit(`process.on('SIGTERM', () => {}); await emit({ messageDelta: { text: 'deaf' } }); ${hang}`);
    await world.create(unit);
    await world.until(() => world.texts(unit).includes('deaf'));
    const { pid } = handleOf(world, unit);
    // One that stood still until its deadline says so by its code, and leaves the rest to the end of the next.
    while ((await child.end('SIGTERM')) !== 0) await child.start();
    expect(isAlive(pid)).toBe(false);
    // What it had no time to tell is told by the next one.
    await child.start();
    const end = await world.ended(unit);
    expect(end.event?.workload).toMatchObject({ stopReason: StopReason.STOPPED });
    expect(end.event?.workload?.reason).toMatch(/^edge_shutdown/);
  });
});

describe('a runtime that is told to keep its workloads', () => {
  test('lets go of them and takes them over again', async () => {
    const keeping = await World.open({ SALLY_RUNTIME_SHUTDOWN: 'keep' });
    const unit = keeping.unit(`await emit({ messageDelta: { text: 'ready' } }); ${hang}`);
    await keeping.create(unit);
    await keeping.until(() => keeping.texts(unit).includes('ready'));
    await keeping.stop();
    await keeping.start();
    const { workload } = await keeping.client.getWorkload({ id: unit.dispatch });
    expect(workload?.state).toBe(WorkloadState.RUNNING);
    await keeping.client.stopWorkload({ id: unit.dispatch });
    expect((await keeping.ended(unit)).event?.workload?.stopReason).toBe(StopReason.STOPPED);
    await keeping.close();
  });
});
