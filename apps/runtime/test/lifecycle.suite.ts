/**
 * The life of a workload, as everybody outside is told of it: one contract for every substrate.
 *
 * Each case says what an agent does, what is done to it, and the exact sequence of transitions that follows. The sequences are
 * data and the same for all: a substrate that tells another story fails.
 */

import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { StopReason, WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import { LimitsSchema, type Unit } from '@sallyport/contracts/unit/v1/unit';
import { Fault } from '@sallyport/core/fault';
import type { ServiceChild } from '@sallyport/testkit/service-child';
import type { Handle } from '../src/backends/backend.ts';
import { aUnit } from '../src/workloads/workload.builder.ts';
import { handleOf, hang, isAlive, processesOf, ready, told, until } from './lifecycle.builder.ts';
import { World } from './world.ts';

/** What a substrate brings to the suite. */
export interface LifecycleGround {
  /** Variables of the runtime that choose it. */
  env(): Promise<Record<string, string>>;
  /** Makes a sandbox disappear without a word. */
  vanish(handle: Handle): Promise<void>;
}

interface Case {
  readonly does: string;
  /** Body of the agent's function. */
  readonly agent: string;
  readonly changes?: () => Partial<Unit>;
  /** Done to it once it said `ready`. */
  readonly done?: (world: World, unit: Unit, ground: LifecycleGround) => Promise<unknown>;
  /** Whether the runtime gives it minutes to end by itself, and not one second. */
  readonly isPatient?: true;
  readonly tells: readonly string[];
}

const deaf = `process.on('SIGTERM', () => {});`;
const busy = `setInterval(() => emit({ messageDelta: { text: 'busy' } }), 200);`;
const limited = (limits: Parameters<typeof create<typeof LimitsSchema>>[1]) => (): Partial<Unit> => ({
  limits: create(LimitsSchema, limits),
});
const stop = (world: World, unit: Unit): Promise<unknown> => world.client.stopWorkload({ id: unit.dispatch });
/** Processes that ignore every signal they can, in sessions of their own, under a parent that is gone. */
const tree = `
  const script = 'trap "" TERM HUP INT; (trap "" TERM HUP INT; sleep 300) & sleep 300';
  for (let n = 0; n < 5; n++) child.spawn('setsid', ['sh', '-c', script], { detached: true, stdio: 'ignore' }).unref();
  await new Promise((resolve) => setTimeout(resolve, 200));`;

const cases: readonly Case[] = [
  { does: 'ends well', agent: 'await done();', tells: ['starting', 'running', 'stopped completed 0'] },
  { does: 'ends with a code', agent: 'process.exit(3);', tells: ['starting', 'running', 'stopped failed 3'] },
  {
    does: 'ends with the highest code',
    agent: 'process.exit(255);',
    tells: ['starting', 'running', 'stopped failed 255'],
  },
  {
    does: 'dies of a signal',
    agent: `process.kill(process.pid, 'SIGKILL'); ${hang}`,
    tells: ['starting', 'running', 'stopped failed 137'],
  },
  {
    does: 'aborts',
    agent: `process.kill(process.pid, 'SIGABRT'); ${hang}`,
    tells: ['starting', 'running', 'stopped failed 134'],
  },
  {
    does: 'fills its memory',
    agent: 'const all = []; for (;;) all.push(Buffer.alloc(16 * 1024 * 1024, 1));',
    changes: limited({ memoryBytes: 128n * 1024n * 1024n }),
    tells: ['starting', 'running', 'stopped oom 137'],
  },
  {
    does: 'fills its disk',
    agent: `const block = Buffer.alloc(1024 * 1024, 1); for (let n = 0; n < 400; n++) fs.appendFileSync('/workspace/demo/' + (n % 40), block); ${hang}`,
    changes: () => ({ mounts: aUnit().mounts, ...limited({ diskBytes: 20n * 1024n * 1024n })() }),
    tells: ['starting', 'running', 'stopping', 'stopped failed 137'],
  },
  {
    does: 'is stopped and obeys',
    agent: `${deaf} ${ready} await stopped(); await done('VERDICT_CANCELLED');`,
    isPatient: true,
    done: stop,
    tells: ['starting', 'running', 'stopping', 'stopped stopped 0'],
  },
  {
    does: 'is stopped and dies of it',
    agent: `${ready} ${hang}`,
    isPatient: true,
    done: stop,
    tells: ['starting', 'running', 'stopping', 'stopped stopped 143'],
  },
  {
    does: 'is stopped and is deaf',
    agent: `${deaf} ${ready} ${hang}`,
    done: stop,
    tells: ['starting', 'running', 'stopping', 'stopped stopped 137'],
  },
  {
    does: 'is stopped with a tree of the deaf behind it',
    agent: `${deaf} ${tree} ${ready} ${hang}`,
    done: stop,
    tells: ['starting', 'running', 'stopping', 'stopped stopped 137'],
  },
  {
    does: 'leaves a tree of the deaf behind',
    agent: `${tree} await done();`,
    tells: ['starting', 'running', 'stopped completed 0'],
  },
  {
    does: 'is idle',
    agent: `${deaf} ${ready} ${hang}`,
    changes: limited({ idleSeconds: 300 }),
    done: async (world) => world.clock.advance(300_000),
    tells: ['starting', 'running', 'stopping', 'stopped idle_timeout 137'],
  },
  {
    does: 'is touched, and then idle',
    agent: `${deaf} ${ready} ${hang}`,
    changes: limited({ idleSeconds: 300, lifetimeSeconds: 3600 }),
    done: async (world, unit) => {
      const touches = [() => world.client.touchWorkload({ id: unit.dispatch }), () => world.create(unit)];
      for (const touch of touches) {
        const neglected = world.unit(hang, limited({ idleSeconds: 300 })());
        await world.create(neglected);
        await world.reported(neglected, WorkloadState.RUNNING);
        world.clock.advance(200_000);
        await touch();
        world.clock.advance(200_000);
        // The look that ends the one leaves the other alone.
        expect((await world.ended(neglected)).event?.workload?.stopReason).toBe(StopReason.IDLE_TIMEOUT);
        expect(world.reportsOf(unit)).toHaveLength(2);
        await touch();
      }
      world.clock.advance(300_000);
    },
    tells: ['starting', 'running', 'stopping', 'stopped idle_timeout 137'],
  },
  {
    does: 'lives as long as it may, however busy',
    agent: `${deaf} ${busy} ${ready} ${hang}`,
    changes: limited({ lifetimeSeconds: 300 }),
    done: async (world) => world.clock.advance(300_000),
    tells: ['starting', 'running', 'stopping', 'stopped max_lifetime 137'],
  },
  {
    does: 'vanishes',
    agent: `${ready} ${hang}`,
    done: (world, unit, ground) => ground.vanish(handleOf(world, unit)),
    tells: ['starting', 'running', 'stopped lost'],
  },
  {
    does: 'loses its lease',
    agent: `${ready} ${hang}`,
    done: async (world, unit) => world.lost.add(unit.dispatch),
    tells: ['starting', 'running', 'stopping', 'stopped stopped 137'],
  },
  {
    does: 'floods its output',
    agent: `
      const data = Buffer.alloc(60_000, 0x41).toString('base64');
      const flood = () => emit(...Array.from({ length: 10 }, () => ({ output: { stream: 'STREAM_STDOUT', data } })));
      for (let n = 0; n < 40; n++) await flood();
      child.spawnSync('head', ['-c', '2097152', '/dev/zero'], { stdio: ['ignore', 2, 2] });
      await done();`,
    changes: limited({ outputBytes: 1_000_000n }),
    tells: ['starting', 'running', 'stopped completed 0'],
  },
];

/** Everything the substrate must tell the same. */
export function lifecycleSuite(ground: LifecycleGround): void {
  describe('a workload that', () => {
    let world: World;
    let patient: World;

    beforeAll(async () => {
      world = await World.open({ SALLY_RUNTIME_OWNER_QUOTA: '4', ...(await ground.env()) });
      patient = await World.open({ SALLY_RUNTIME_GRACE_SECONDS: '300', ...(await ground.env()) });
    });
    afterAll(() => Promise.all([world.close(), patient.close()]));

    test.each(cases)('$does', async ({ agent, changes, done, tells, isPatient }) => {
      const place = isPatient ? patient : world;
      const unit = place.unit(agent, changes?.());
      await place.create(unit);
      if (done !== undefined) {
        await place.until(() => place.texts(unit).includes('ready'));
        await done(place, unit, ground);
      }
      await place.ended(unit);
      const unlimited = tells.map((word) => (place.limited ? word : word.replace('oom 137', 'failed 134')));
      expect(told(place, unit)).toEqual(unlimited);
      const handle = handleOf(place, unit);
      if (process.getuid?.() === 0) expect(processesOf(handle.uid)).toEqual([]);
      await place.operator.destroyWorkload({ id: unit.dispatch });
      expect(readdirSync(join(place.directory, 'workloads', unit.dispatch))).not.toContain('sandbox');
    });

    test('is never attested never runs', async () => {
      world.exchangeFault = new Fault('permission_denied', 'identity.launch_ended', 'ended');
      const unit = world.unit('await done();');
      await world.create(unit);
      await world.ended(unit);
      world.exchangeFault = undefined;
      expect(told(world, unit)).toEqual(['starting', 'stopped start_failed 137']);
    });

    test('is stopped while it starts never runs', async () => {
      const gate = Promise.withResolvers<void>();
      world.exchangeGate = gate.promise;
      const before = world.exchanges;
      const unit = world.unit(hang);
      await world.create(unit);
      await world.until(() => world.exchanges > before);
      await stop(world, unit);
      gate.resolve();
      await world.ended(unit);
      expect(told(world, unit)).toEqual(['starting', 'stopping', expect.stringMatching(/^stopped stopped/)]);
      expect(world.texts(unit)).toEqual([]);
    });

    test('comes when its owner has as many as he may is refused, and nothing is told of it', async () => {
      const units = Array.from({ length: 4 }, () => world.unit(hang));
      await Promise.all(units.map((unit) => world.create(unit)));
      const fifth = world.unit(hang);
      await expect(world.create(fifth)).rejects.toMatchObject({ reason: 'runtime.quota_exceeded' });
      await world.create(units[0] as Unit);
      await Promise.all(units.map((unit) => stop(world, unit)));
      await Promise.all(units.map((unit) => world.ended(unit)));
      expect(world.reportsOf(fifth)).toEqual([]);
      expect((await world.run('await done();')).event?.workload?.stopReason).toBe(StopReason.COMPLETED);
    });
  });

  describe('a workload under a runtime that is killed', () => {
    let world: World;
    let child: ServiceChild;

    beforeAll(async () => {
      world = await World.around(await ground.env());
      child = world.child();
      await child.start();
    });
    afterAll(async () => {
      await child.end('SIGTERM');
      await world.close();
    });

    const again = async (meanwhile: () => Promise<void> = async () => undefined): Promise<void> => {
      await child.end('SIGKILL');
      await meanwhile();
      await child.start();
    };
    const started = async (agent: string): Promise<Unit> => {
      const unit = world.unit(agent, { mounts: aUnit().mounts });
      await world.create(unit);
      await world.until(() => world.texts(unit).includes('ready'));
      return unit;
    };
    const go = (unit: Unit): void =>
      writeFileSync(join(world.directory, 'workloads', unit.dispatch, 'mounts', 'demo', 'go'), '');
    const gone = async (unit: Unit): Promise<void> => {
      const { pid } = handleOf(world, unit);
      while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
    };

    test('goes on, and its end is told in the same row', async () => {
      const unit = await started(
        `${ready} ${until('/workspace/demo/go')} await emit({ messageDelta: { text: 'after' } }); await done();`,
      );
      await again();
      go(unit);
      await world.ended(unit);
      expect(told(world, unit)).toEqual(['starting', 'running', 'stopped completed 0']);
      expect(world.texts(unit)).toEqual(['ready', 'after']);
    });

    test('ends meanwhile, and its code is known', async () => {
      const unit = await started(`${ready} ${until('/workspace/demo/go')} process.exit(7);`);
      await again(async () => {
        go(unit);
        await gone(unit);
      });
      await world.ended(unit);
      expect(told(world, unit)).toEqual(['starting', 'running', 'stopped failed 7']);
    });

    test('vanishes meanwhile, and is lost', async () => {
      const unit = await started(`${ready} ${hang}`);
      const handle = handleOf(world, unit);
      await again(async () => {
        await ground.vanish(handle);
        await gone(unit);
      });
      await world.ended(unit);
      expect(told(world, unit)).toEqual(['starting', 'running', 'stopped lost']);
    });

    test('was being stopped, and is', async () => {
      const unit = await started(`${deaf} ${ready} ${hang}`);
      await stop(world, unit);
      await again();
      await world.ended(unit);
      expect(told(world, unit)).toEqual(['starting', 'running', 'stopping', 'stopped stopped 137']);
    });

    test('had not got its work, and never runs', async () => {
      const gate = Promise.withResolvers<void>();
      world.exchangeGate = gate.promise;
      const before = world.exchanges;
      const unit = world.unit(hang);
      await world.create(unit);
      await world.until(() => world.exchanges > before);
      await again(async () => gate.resolve());
      await world.ended(unit);
      expect(told(world, unit)).toEqual(['starting', expect.stringMatching(/^stopped start_failed/)]);
    });

    test('that no journal knows is killed', async () => {
      const unit = await started(`${deaf} ${ready} ${hang}`);
      const { uid } = handleOf(world, unit);
      const file = join(world.directory, 'workloads', unit.dispatch, 'journal.json');
      const { pid } = handleOf(world, unit);
      await again(async () => rmSync(file));
      expect(isAlive(pid)).toBe(false);
      if (process.getuid?.() === 0) expect(processesOf(uid)).toEqual([]);
    });
  });
}
