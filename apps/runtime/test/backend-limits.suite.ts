import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DiskUse } from '../src/backends/backend.ts';
import { Cgroups } from '../src/backends/process/cgroups.ts';
import { profileNamed, TestGround } from './backend.builder.ts';

export function limitsSuite(open: () => Promise<TestGround>): void {
  const mib = 1024 ** 2;

  let ground: TestGround;

  beforeAll(async () => {
    ground = await open();
  });
  afterAll(() => ground.close());

  /** Keeps a neighbour running through the attack and shows that it was not touched. */
  async function besideNeighbour(attack: () => Promise<void>): Promise<void> {
    const neighbour = await ground.start('echo up; read -r forever < /dev/null; while :; do sleep 0.05; done');
    await ground.said(neighbour, 'up');
    await attack();
    expect(await ground.backend.exitCode(neighbour)).toEqual({ state: 'running' });
    await ground.backend.kill(neighbour);
    await ground.backend.cleanup(neighbour);
  }

  describe('limits of the whole tree', () => {
    test('a machine without control groups refuses a profile that demands them', async () => {
      expect((await Cgroups.lacking()) === undefined).toBe(ground.held);
      if (ground.held) {
        expect((await ground.run('true')).exit).toMatchObject({ code: 0 });
        return;
      }
      await expect(ground.start('true', { profile: profileNamed('default') })).rejects.toMatchObject({
        code: 'failed_precondition',
        reason: 'runtime.isolation_missing',
      });
    });

    test('memory beyond the limit ends the workload as out of memory', async () => {
      await besideNeighbour(async () => {
        const { exit } = await ground.run(
          'exec /opt/sallyport/node -e "const a = []; for (;;) a.push(Buffer.alloc(1 << 24, 1))"',
          {
            limits: { memoryBytes: 128 * mib },
          },
        );
        expect(exit).toMatchObject(ground.held ? { state: 'exited', code: 137, oom: true } : { state: 'exited' });
        expect(exit).not.toMatchObject({ code: 0 });
      });
    });

    test('memory of /tmp and /dev/shm counts, and each has a size of its own', async () => {
      const profile = { ...ground.profile, tmpBytes: 8 * mib, shmBytes: 4 * mib };
      const { log } = await ground.run(
        'head -c 16M /dev/zero > /tmp/a; head -c 16M /dev/zero > /dev/shm/a; stat -c %s /tmp/a /dev/shm/a',
        { profile },
      );
      expect(log.match(/No space left/g)).toHaveLength(2);
      expect(log).toContain(`${8 * mib}\n${4 * mib}\n`);
    });

    test('an agent whose child dies for memory goes on and may end well', async () => {
      if (!ground.held) return;
      const { exit } = await ground.run(
        '/opt/sallyport/node -e "const a = []; for (;;) a.push(Buffer.alloc(1 << 24, 1))"; exit 0',
        {
          limits: { memoryBytes: 128 * mib },
        },
      );
      expect(exit).toEqual({ state: 'exited', code: 0, oom: false, deadline: false });
    });

    test('a fork bomb stays within its processes and dies with its sandbox', async () => {
      await besideNeighbour(async () => {
        const handle = await ground.start('echo up; bomb() { bomb | bomb & }; bomb; sleep 1000', {
          limits: { pids: 32 },
        });
        await ground.said(handle, 'Cannot fork');
        if (ground.held) {
          const pids = handle.cgroups.find((directory) => readdirSync(directory).includes('pids.current'));
          expect(pids).toBeDefined();
        }
        await ground.backend.kill(handle);
        expect(await ground.backend.exitCode(handle)).toMatchObject({ state: 'exited', code: 137, oom: false });
        await ground.backend.cleanup(handle);
      });
    });

    test('a busy loop takes its share of one core', async () => {
      if (!ground.held) return;
      const { log } = await ground.run(
        'exec /opt/sallyport/node -e "const c = process.cpuUsage(), t = performance.now(); while (performance.now() - t < 1000); const { user, system } = process.cpuUsage(c); console.log((user + system) / 1000 / (performance.now() - t))"',
        { limits: { cpuMillis: 250 } },
      );
      // A busy machine gives it less, never more.
      expect(Number(log)).toBeGreaterThan(0);
      expect(Number(log)).toBeLessThan(0.6);
    });

    test('open files of a process end at the profile', async () => {
      const { log } = await ground.run('ulimit -n; ulimit -c', { profile: { ...ground.profile, openFiles: 77 } });
      expect(log).toBe('77\n0\n');
    });
  });

  describe('what it writes', () => {
    test('a flood of output is cut at the cap, counted, and does not hold up the program for ever', async () => {
      const profile = { ...ground.profile, logBytes: 64 * 1024 };
      const handle = await ground.start('head -c 1M /dev/zero | tr "\\\\0" x; exit 5', { profile });
      await ground.backend.waitExit(handle);
      // A read of the log waits a second for its end and no longer.
      await ground.dropped(handle, mib - 64 * 1024);
      const { exit, log, dropped } = await ground.finish(handle);
      expect(exit).toMatchObject({ code: 5 });
      expect(log).toHaveLength(64 * 1024);
      expect(dropped).toBe(mib - 64 * 1024);
    });

    test('a flood that never ends is read at a trickle, whatever it could pour', async () => {
      const profile = { ...ground.profile, logBytes: 64 * 1024 };
      const handle = await ground.start('echo up; exec cat /dev/zero', { profile });
      const from = performance.now();
      await ground.dropped(handle, 2 * mib);
      // Paused after every read, the runtime needs 1.6 s for that; the machine's speed only makes it longer. Unpaused, it is milliseconds.
      expect(performance.now() - from).toBeGreaterThan(700);
      await ground.backend.kill(handle);
      expect(statSync(join(handle.directory, 'log.txt')).size).toBe(64 * 1024);
      await ground.backend.cleanup(handle);
    });

    test('one file may not outgrow the disk limit', async () => {
      const id = ground.nextId();
      const { log } = await ground.run('head -c 4M /dev/zero > /workspace/demo/a; stat -c %s /workspace/demo/a', {
        id,
        mounts: [await ground.aMount(id, 'demo')],
        limits: { diskBytes: mib },
      });
      expect(log.trim().split('\n').at(-1)).toBe(String(mib));
    });

    test.each([
      [
        'bytes',
        'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do head -c 1M /dev/zero > /workspace/demo/$i; done',
        { diskBytes: 2 * mib },
      ],
      [
        'files',
        'mkdir /workspace/demo/d; cd /workspace/demo/d; i=0; while [ $i -lt 4000 ]; do : > $i; i=$((i+1)); done',
        {},
      ],
    ])('many %s are noticed, with what stood there before left out of the count', async (_, script, limits) => {
      const id = ground.nextId();
      const over = new Promise<{ id: string; used: DiskUse }>((resolve) => {
        ground.backend.onOverDisk((seen, used) => seen === id && resolve({ id: seen, used }));
      });
      const mount = await ground.aMount(id, 'demo');
      const handle = await ground.start(`${script}; sleep 1000`, {
        id,
        mounts: [mount],
        limits,
        profile: { ...ground.profile, files: 500 },
      });
      await ground.backend.holdDisk(handle, { bytes: 0, files: 0 });
      expect(await over).toMatchObject({ id });
      await ground.backend.kill(handle);
      await ground.backend.cleanup(handle);
    });
  });
}
