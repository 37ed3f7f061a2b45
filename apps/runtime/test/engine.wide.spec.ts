import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Unit } from '@sallyport/contracts/unit/v1/unit';
import type { ServiceChild } from '@sallyport/testkit/service-child';
import { askOf } from '@sallyport/testkit/wide';
import { aUnit } from '../src/workloads/workload.builder.ts';
import { dockerEnv } from './docker.builder.ts';
import { handleOf, hang, isAlive, processesOf, ready, told, until } from './lifecycle.builder.ts';
import { World } from './world.ts';

const keeping = { flags: ['--live-restore'] };
const killed = { signal: 'SIGKILL' };
const say = (text: string): string => `await emit({ messageDelta: { text: '${text}' } });`;

let world: World;
let child: ServiceChild;

beforeAll(async () => {
  world = await World.around(await dockerEnv());
  child = world.child();
  await child.start();
});
afterAll(async () => {
  await child.end('SIGTERM');
  await world.close();
});

async function started(agent: string): Promise<Unit> {
  const unit = world.unit(agent, { mounts: aUnit().mounts });
  await world.create(unit);
  await world.until(() => world.texts(unit).includes('ready'));
  return unit;
}

const file = (unit: Unit, name: string): void =>
  writeFileSync(join(world.directory, 'workloads', unit.dispatch, 'mounts', 'demo', name), '');

async function gone(unit: Unit): Promise<void> {
  const { pid } = handleOf(world, unit);
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('a workload whose engine', () => {
  test('is away goes on and is heard, and its end is told with its code once the engine can say it', async () => {
    const unit = await started(
      `${ready} ${until('/workspace/demo/go')} ${say('alone')} ${until('/workspace/demo/end')} process.exit(7);`,
    );
    await askOf('docker', 'end', killed);
    file(unit, 'go');
    await world.until(() => world.texts(unit).includes('alone'));
    file(unit, 'end');
    await gone(unit);
    expect(told(world, unit)).toEqual(['starting', 'running']);
    await askOf('docker', 'start');
    await world.ended(unit);
    expect(told(world, unit)).toEqual(['starting', 'running', 'stopped failed 7']);
  });

  test('is away as it is to start is told so, and runs nowhere; the next one starts again', async () => {
    await askOf('docker', 'end', killed);
    const unit = world.unit('await done();');
    await world.create(unit);
    const { event } = await world.ended(unit);
    expect(told(world, unit)).toEqual(['starting', 'stopped start_failed']);
    expect(event?.workload?.reason).toContain('engine_unreachable');
    await askOf('docker', 'start');
    const next = world.unit('await done();');
    await world.create(next);
    await world.ended(next);
    expect(told(world, next)).toEqual(['starting', 'running', 'stopped completed 0']);
  });

  test.each([
    ['stops in order', 'SIGTERM'],
    ['is killed', 'SIGKILL'],
  ])('%s and takes its containers down is ended by it, and that is told', async (_, signal) => {
    const unit = await started(`${ready} ${hang}`);
    await askOf('docker', 'restart', { signal });
    await world.ended(unit);
    expect(told(world, unit)).toEqual(['starting', 'running', 'stopped failed 137']);
    expect(processesOf(handleOf(world, unit).uid)).toEqual([]);
  });

  test('is killed and keeps its containers goes on to its own end', async () => {
    const unit = await started(`${ready} ${until('/workspace/demo/go')} ${say('after')} await done();`);
    await askOf('docker', 'end', killed);
    await askOf('docker', 'start', keeping);
    file(unit, 'go');
    await world.ended(unit);
    expect(told(world, unit)).toEqual(['starting', 'running', 'stopped completed 0']);
    expect(world.texts(unit)).toEqual(['ready', 'after']);
  });

  test('is killed together with the runtime is taken over by the next of both', async () => {
    await askOf('docker', 'restart');
    const unit = await started(`${ready} ${until('/workspace/demo/go')} ${say('after')} await done();`);
    await Promise.all([child.end('SIGKILL'), askOf('docker', 'end', killed)]);
    // The runtime comes first: it waits for what only the engine can say, and takes that for no end.
    await child.start();
    file(unit, 'go');
    await gone(unit);
    await askOf('docker', 'start');
    await world.ended(unit);
    expect(told(world, unit)).toEqual(['starting', 'running', 'stopped completed 0']);
    expect(world.texts(unit)).toEqual(['ready', 'after']);
  });
});
