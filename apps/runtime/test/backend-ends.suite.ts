import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Handle, SandboxMount } from '../src/backends/backend.ts';
import { isAlive } from '../src/backends/process/proc.ts';
import { isRoot, TestGround } from './backend.builder.ts';
import { aProbe } from './backend-probe.builder.ts';

/**
 * What ends with a sandbox is the same on every substrate. `vanish` makes one disappear without a word, as somebody does who goes
 * around the runtime.
 */
export function endsSuite(open: () => Promise<TestGround>, vanish: (handle: Handle) => Promise<void>): void {
  let ground: TestGround;

  beforeAll(async () => {
    ground = await open();
  });
  afterAll(() => ground.close());

  describe('an end', () => {
    test.each([
      ['exit 0', 0],
      ['exit 3', 3],
      ['exit 124', 124],
      ['kill -KILL $$', 137],
      ['kill -TERM $$', 143],
      ['exec /no/such/program', 127],
    ])('of "%s" is observed as %i', async (script, code) => {
      expect((await ground.run(script)).exit).toEqual({ state: 'exited', code, oom: false, deadline: false });
    });

    test('reads the same from another process and after this one forgot', async () => {
      const handle = await ground.start('exit 9');
      await ground.backend.waitExit(handle);
      const other = ground.again();
      expect(await other.backend.exitCode(JSON.parse(JSON.stringify(handle)) as Handle)).toMatchObject({ code: 9 });
      await other.backend.close();
      await ground.backend.cleanup(handle);
    });

    test('leaves no process, group, folder or uid behind', async () => {
      const handle = await ground.start('sleep 1000 & sleep 1000 & exit 0');
      await ground.finish(handle);
      expect([handle.directory, ...handle.cgroups].filter((path) => existsSync(path))).toEqual([]);
      expect((await ground.backend.list()).map(({ id }) => id)).not.toContain(handle.id);
      expect(await isAlive(handle.keeper)).toBe(false);
    });

    test('is not read into silence: evidence of a sandbox that is gone is refused', async () => {
      const handle = await ground.start('exit 0');
      await ground.backend.waitExit(handle);
      await expect(ground.backend.evidence(handle)).rejects.toMatchObject({ reason: 'runtime.not_running' });
      await ground.backend.cleanup(handle);
    });

    test('of a sandbox that vanished without a word is lost', async () => {
      const handle = await ground.start('sleep 1000');
      await vanish(handle);
      expect(await ground.backend.waitExit(handle)).toEqual({ state: 'lost' });
      await ground.backend.cleanup(handle);
    });

    test('is awaited only as long as the caller wants', async () => {
      const handle = await ground.start('sleep 1000');
      await expect(ground.backend.waitExit(handle, AbortSignal.timeout(50))).rejects.toMatchObject({
        name: 'TimeoutError',
      });
      await ground.backend.kill(handle);
      await ground.backend.cleanup(handle);
    });
  });

  describe('stopping', () => {
    test('terminate tells the program, which may end as it likes', async () => {
      const handle = await ground.start('trap "echo bye; exit 4" TERM; echo up; while :; do sleep 0.02; done');
      await ground.said(handle, 'up');
      await ground.backend.terminate(handle);
      expect(await ground.finish(handle)).toMatchObject({ exit: { code: 4 }, log: 'up\nbye\n' });
    });

    test('kill ends a whole tree that ignores every signal it can', async () => {
      const handle = await ground.start(
        'trap "" TERM INT HUP; (trap "" TERM; setsid sleep 1000 & sleep 1000) & echo up; while :; do sleep 1; done',
      );
      await ground.said(handle, 'up');
      await ground.backend.terminate(handle);
      expect(await ground.backend.exitCode(handle)).toEqual({ state: 'running' });
      await ground.backend.kill(handle);
      expect(await ground.backend.exitCode(handle)).toEqual({
        state: 'exited',
        code: 137,
        oom: false,
        deadline: false,
      });
      expect(await ground.backend.list()).toEqual([]);
      await ground.backend.cleanup(handle);
    });

    test('what is alive is not cleared, and its id not started again', async () => {
      const handle = await ground.start('sleep 1000');
      await expect(ground.backend.cleanup(handle)).rejects.toMatchObject({ reason: 'runtime.still_alive' });
      if (ground.held) {
        await expect(ground.start('true', { id: handle.id })).rejects.toMatchObject({ reason: 'runtime.still_alive' });
      }
      await ground.backend.kill(handle);
      await ground.backend.kill(handle);
      await ground.backend.terminate(handle);
      await ground.backend.cleanup(handle);
      await ground.backend.cleanup(handle);
    });

    test('an id that ended starts again with counts from nothing', async () => {
      const first = await ground.start('exit 1');
      await ground.backend.waitExit(first);
      const { exit } = await ground.run('exit 0', { id: first.id });
      expect(exit).toEqual({ state: 'exited', code: 0, oom: false, deadline: false });
    });

    test('the deadline ends it without anybody watching', async () => {
      const { exit } = await ground.run('trap "" TERM; sleep 1000', { deadlineSeconds: 5 });
      expect(exit).toEqual({ state: 'exited', code: 137, oom: false, deadline: true });
    });
  });

  describe('a start', () => {
    const mounts: [string, (id: string) => SandboxMount[] | Promise<SandboxMount[]>][] = [
      ['a name with a slash', async (id) => [{ ...(await ground.aMount(id, 'a')), name: '../a' }]],
      ['two mounts of one name', async (id) => [await ground.aMount(id, 'a'), await ground.aMount(id, 'a', 'ro')]],
      ['a folder of the host', () => [{ name: 'etc', source: '/etc', mode: 'ro' }]],
      ['the runtime folder itself', () => [{ name: 'all', source: ground.directory, mode: 'rw' }]],
      ['a way out through dots', () => [{ name: 'out', source: `${ground.directory}/../..`, mode: 'rw' }]],
      ['a folder that is missing', () => [{ name: 'gone', source: join(ground.directory, 'gone'), mode: 'ro' }]],
      [
        'a link to the host',
        (id) => {
          const source = join(ground.directory, `link-${id}`);
          symlinkSync('/etc', source);
          return [{ name: 'link', source, mode: 'ro' }];
        },
      ],
      [
        'a link on the way',
        (id) => {
          const link = join(ground.directory, `way-${id}`);
          symlinkSync('/usr', link);
          return [{ name: 'way', source: join(link, 'bin'), mode: 'ro' }];
        },
      ],
    ];

    test.each(mounts)('refuses to mount %s and leaves nothing', async (_, mountsOf) => {
      const id = ground.nextId();
      await expect(ground.start('true', { id, mounts: await mountsOf(id) })).rejects.toMatchObject({
        code: 'invalid_argument',
        reason: 'runtime.mount_refused',
      });
      expect(existsSync(join(ground.directory, 'workloads', id, 'sandbox'))).toBe(false);
      expect((await ground.backend.list()).map((entry) => entry.id)).not.toContain(id);
    });

    test('gives each workload a uid of its own where the runtime is root', async () => {
      const handles = await Promise.all([1, 2, 3].map(() => ground.start('sleep 1000')));
      expect(new Set(handles.map(({ uid }) => uid)).size).toBe(isRoot ? 3 : 1);
      for (const handle of handles) {
        await ground.backend.kill(handle);
        await ground.backend.cleanup(handle);
      }
    });

    test('evidence names the same processes, namespaces and hashes twice, and another sandbox has none of them', async () => {
      const [one, two] = await Promise.all([ground.start('sleep 1000'), ground.start('sleep 1000')]);
      const first = await ground.backend.evidence(one);
      expect(await ground.backend.evidence(one)).toEqual(first);
      const second = await ground.backend.evidence(two);
      const shared = Object.keys(first.namespaces).filter((kind) => second.namespaces[kind] === first.namespaces[kind]);
      // Without a mapping of its own an engine gives every container the host's users.
      expect(shared).toEqual(ground.substrate.kind === 'docker' ? ['user'] : []);
      expect(second.rootfsHash).toBe(first.rootfsHash);
      expect(second.pid).not.toBe(first.pid);
      for (const handle of [one, two]) {
        await ground.backend.kill(handle);
        await ground.backend.cleanup(handle);
      }
    });
  });

  describe('a runtime that is killed', () => {
    test('leaves its sandbox running; the next one adopts it, reads its log and its exit code', async () => {
      const probe = await aProbe();
      const runtime = spawn(probe.node, [
        probe.program,
        JSON.stringify(ground.substrate),
        ground.directory,
        ground.label,
        'trap "echo on; exit 6" TERM; echo up; while :; do sleep 0.02; done',
      ]);
      const [line] = (await once(runtime.stdout, 'data')) as [Buffer];
      runtime.kill('SIGKILL');
      await once(runtime, 'exit');
      const handle = JSON.parse(line.toString('utf8')) as Handle;
      expect(await ground.backend.exitCode(handle)).toEqual({ state: 'running' });
      expect(await ground.backend.list()).toEqual([{ id: handle.id, backend: handle.backend }]);
      await ground.backend.adopt(handle);
      await ground.said(handle, 'up');
      expect((await ground.backend.evidence(handle)).startTime).toBe(BigInt(handle.startTime));
      await ground.backend.terminate(handle);
      expect(await ground.finish(handle)).toMatchObject({ exit: { state: 'exited', code: 6 }, log: 'up\non\n' });
    });

    test('has its sandbox ended by the deadline, with nobody there', async () => {
      const probe = await aProbe();
      const runtime = spawn(probe.node, [
        probe.program,
        JSON.stringify(ground.substrate),
        ground.directory,
        ground.label,
        'sleep 1000',
        '5',
      ]);
      const [line] = (await once(runtime.stdout, 'data')) as [Buffer];
      runtime.kill('SIGKILL');
      const handle = JSON.parse(line.toString('utf8')) as Handle;
      expect(await ground.backend.waitExit(handle)).toEqual({ state: 'exited', code: 137, oom: false, deadline: true });
      await ground.backend.adopt(handle);
      await ground.backend.cleanup(handle);
    });

    test('has what it never wrote down reaped by id', async () => {
      const handle = await ground.start('trap "" TERM; sleep 1000');
      const other = ground.again();
      await other.backend.reap(handle);
      expect(await other.backend.list()).toEqual([]);
      expect(await isAlive(handle)).toBe(false);
      await other.backend.close();
      await ground.backend.cleanup(handle);
    });

    test('does not list the sandboxes of another install', async () => {
      const handle = await ground.start('sleep 1000');
      const other = ground.elsewhere();
      expect(await other.backend.list()).toEqual([]);
      await other.close();
      await ground.backend.kill(handle);
      await ground.backend.cleanup(handle);
    });
  });
}
