import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { repository } from '../start/options.ts';
import { ordinaryUser } from './ordinary-user.ts';
import { command, type Said, sally } from './sally.ts';
import { portForStack, StartedStack } from './started-stack.ts';

const node = process.env['SALLY_TEST_NODE'] ?? process.execPath;
const folder = mkdtempSync(join(tmpdir(), 'sally-user-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A shell that may mount, for nobody else to see. */
const root = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c'] as const;

const run = (argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Said> =>
  command(argv[0] ?? '', argv.slice(1), { env });

/** Every place a program is found at; links to one file count once. */
function placesOf(program: string): readonly string[] {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin'];
  const places = folders.flatMap((place) => {
    try {
      accessSync(join(place, program), constants.X_OK);
      return [realpathSync(join(place, program))];
    } catch {
      return [];
    }
  });
  return [...new Set(places)];
}

describe('npm start as an ordinary user', () => {
  test('asks for missing programs with one command and ends with 3', async () => {
    const hidden = ['nats-server', 'bwrap'].flatMap(placesOf);
    const said = await run(ordinaryUser([node, join(repository, 'tools/start/bootstrap.mjs'), 'start'], hidden));
    expect(said).toMatchObject({ code: 3, stdout: '' });
    const commands = said.stderr.split('\n').filter((line) => line.startsWith('  '));
    expect(commands).toEqual([expect.stringMatching(/^ {2}sudo .*apt-get install .*nats-server bubblewrap/)]);
  });

  test('names what is in the way of a user namespace and ends with 3', async () => {
    const refusing = join(folder, 'bwrap');
    writeFileSync(refusing, '#!/bin/sh\necho "bwrap: No permissions to create new namespace" >&2\nexit 1\n');
    chmodSync(refusing, 0o755);
    const said = await run(ordinaryUser([node, join(repository, 'tools/start/main.ts')]), {
      PATH: `${folder}${delimiter}${process.env['PATH'] ?? ''}`,
    });
    expect(said.code).toBe(3);
    expect(said.stderr).toContain('No permissions to create new namespace');
    expect(said.stderr).toMatch(/sysctl -w |--security-opt /);
  });

  test('names a full disk and the flag that helps', async () => {
    const data = join(folder, 'full');
    const full = `mkdir -p ${data} && mount -t tmpfs -o size=64m none ${data} && exec "$@"`;
    const start = [node, join(repository, 'tools/start/main.ts'), '--data', join(data, 'data')];
    const said = await run([...root, full, 'sh', ...start]);
    expect(said.code).toBe(1);
    expect(said.stderr).toMatch(/\d+ MiB free/);
    expect(said.stderr).toContain('--data');
  });

  test('leaves a folder of another user alone', async () => {
    const data = join(folder, 'foreign');
    mkdirSync(data);
    const format = join(data, 'format.json');
    writeFileSync(format, '{"format":1}');
    // A stranger's file: root gives its own away, everybody else borrows one of root's.
    const isRoot = process.getuid?.() === 0;
    if (isRoot) chownSync(format, 1, 1);
    const borrow = isRoot ? 'true' : `mount --bind /etc/passwd ${format}`;
    const start = [node, join(repository, 'tools/start/main.ts'), '--data', data];
    const said = await run([...root, `${borrow} && exec "$@"`, 'sh', ...start]);
    expect(said.code).toBe(1);
    expect(said.stderr).toContain('belongs to another user');
    expect(said.stderr).toContain('--data');
    expect(readdirSync(data)).toEqual(['format.json']);
  });

  test('shows the demo to its end', async () => {
    const options = ['--once', '--data', join(folder, 'demo'), '--port', String(await portForStack())];
    const said = await run(ordinaryUser([node, join(repository, 'tools/start/main.ts'), ...options]));
    expect({ ...said, stdout: '' }).toMatchObject({ code: 0 });
    expect(said.stdout).toMatch(/checkpoint of \d+ events verified offline/);
  });
});

describe('where no control group can be made', () => {
  let stack: StartedStack;

  beforeAll(async () => {
    stack = await StartedStack.start({ as: ordinaryUser });
  });

  afterAll(() => stack.stop());

  test('the launcher says so, says what helps, and seeds what runs all the same', () => {
    expect(stack.output).toContain('best-effort');
    expect(stack.output).toContain('Delegate=yes');
    expect(stack.profile).toBe('best-effort');
  });

  test('a command that demands limits is refused, and the refusal names the flag that does without', async () => {
    const refused = await sally(stack, 'run', 'create', '--runner', 'exec', '--wait', '--', 'true');
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain('isolation_missing');
    expect(refused.stdout).toContain('--profile best-effort');
    const flag = ['--profile', 'best-effort'];
    const taken = await sally(stack, 'run', 'create', '--runner', 'exec', ...flag, '--wait', '--', 'true');
    expect(taken).toMatchObject({ code: 0 });
  });

  test('the doctor says why and names the flag too', async () => {
    const argv = [node, join(repository, 'apps/cli/bin/sally.mjs'), 'doctor', '-o', 'json'];
    const said = await run(ordinaryUser(argv), { SALLY_URL: stack.rest.url, SALLY_TOKEN: stack.rest.token });
    const { checks } = JSON.parse(said.stdout) as { checks: readonly { readonly name: string }[] };
    expect(checks.find(({ name }) => name === 'cgroups')).toMatchObject({
      state: 'warn',
      cause: expect.stringContaining('cannot be limited'),
      next: expect.stringContaining('--profile best-effort'),
    });
  });
});
