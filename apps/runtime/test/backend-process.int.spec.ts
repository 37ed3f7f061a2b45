import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { childrenOf, processesMarked } from '../src/backends/process/proc.ts';
import { isRoot, TestGround } from './backend.builder.ts';
import { endsSuite } from './backend-ends.suite.ts';
import { isolationSuite } from './backend-isolation.suite.ts';
import { limitsSuite } from './backend-limits.suite.ts';
import { aProbe } from './backend-probe.builder.ts';

const open = (): Promise<TestGround> => new TestGround({ kind: 'process' }).open();

describe('isolation under bubblewrap', () => isolationSuite(open));
describe('limits under bubblewrap', () => limitsSuite(open));
describe('ends under bubblewrap', () =>
  endsSuite(open, async (handle) => {
    process.kill(-handle.keeper.pid, 'SIGKILL');
  }));

const ground = new TestGround({ kind: 'process' });

beforeAll(() => ground.open());
afterAll(() => ground.close());

describe('closing', () => {
  test('leaves no group of the install, and another runtime of it goes on', async () => {
    const other = await ground.again().open();
    const handle = await other.start('exit 0');
    const parents = handle.cgroups.map((directory) => join(directory, '..'));
    await other.finish(handle);
    await other.backend.close();
    expect(parents.filter((directory) => existsSync(directory))).toEqual([]);
    expect((await ground.run('exit 0')).exit).toMatchObject({ code: 0 });
  });
});

describe('root', () => {
  test('that may not mount is refused and starts nothing under its own uid', async () => {
    if (!isRoot) return;
    const { node, program } = await aProbe();
    const bare = spawn('setpriv', [
      '--bounding-set=-sys_admin',
      node,
      program,
      JSON.stringify(ground.substrate),
      ground.directory,
      'bare',
      'true',
      '250',
      'wait',
    ]);
    const [line] = (await once(bare.stdout, 'data')) as [Buffer];
    expect(JSON.parse(line.toString('utf8'))).toBe('runtime.isolation_missing');
    await once(bare, 'exit');
  });

  test('makes a new mount view when the helper that holds it dies', async () => {
    if (!isRoot) return;
    const own = await childrenOf(process.pid);
    const helpers = (await processesMarked('sallyport-view')).filter(({ pid }) => own.includes(pid));
    expect(helpers).toHaveLength(1);
    for (const { pid } of helpers) process.kill(pid, 'SIGKILL');
    while ((await processesMarked('sallyport-view')).some(({ pid }) => helpers.some((helper) => helper.pid === pid)));
    expect((await ground.run('exit 0')).exit).toMatchObject({ code: 0 });
  });
});

describe('an ordinary user', () => {
  test('starts the same sandbox under the same uid, and is refused a profile that needs control groups', async () => {
    if (!isRoot) return;
    const probe = await aProbe();
    const user = spawn(
      'setpriv',
      [
        '--reuid=12345',
        '--regid=12345',
        '--clear-groups',
        probe.node,
        probe.program,
        JSON.stringify(ground.substrate),
        probe.home,
        'user',
        'grep -h CapEff /proc/self/status',
        '250',
        'wait',
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let said = '';
    user.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString('utf8');
    });
    expect(await once(user, 'exit')).toEqual([0, null]);
    const [handle, end, refusal] = said
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(handle).toMatchObject({ uid: 12345, cgroups: [] });
    expect(end).toMatchObject({ exit: { state: 'exited', code: 0 }, log: 'CapEff:\t0000000000000000\n' });
    expect(refusal).toBe('runtime.isolation_missing');
  });
});
