import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Run, RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { Stream, Verdict } from '@sallyport/contracts/unit/v1/event';
import { adaKey } from './fakes/fake-identity.ts';
import { FakeStack } from './fakes/fake-stack.ts';

const client = fileURLToPath(new URL('../../cli', import.meta.url));

let stack: FakeStack;
let folder: string;

beforeAll(async () => {
  stack = await FakeStack.start();
  folder = mkdtempSync(join(tmpdir(), 'sally-cli-'));
  mkdirSync(join(folder, '.sally'));
  writeFileSync(join(folder, '.sally', 'token'), `${adaKey}\n`, { mode: 0o600 });
  writeFileSync(join(folder, '.sally', 'cli.json'), JSON.stringify({ url: stack.url, tokenFile: 'token' }));
});
afterAll(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function sally(
  args: readonly string[],
  how: { readonly env?: Record<string, string>; readonly input?: string; readonly program?: string } = {},
): Promise<Ended> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, ...how.env };
  const child = spawn(process.execPath, [how.program ?? join(client, 'bin/sally.mjs'), ...args], { cwd: folder, env });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.end(how.input ?? '');
  return new Promise((resolve) =>
    child.on('close', (code) =>
      resolve({ code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }),
    ),
  );
}

/** A life for every run that is accepted. */
const plays = (life: (run: Run) => void): void => {
  stack.scheduler.onAccept = (run) => setImmediate(life, run);
};

const ends =
  (state: RunState, init = {}) =>
  (run: Run) => {
    stack.scheduler.say(run.id, { case: 'messageCompleted', value: { text: 'done' } });
    stack.scheduler.end(run.id, state, init);
  };

describe('an exit code', () => {
  const cases: readonly (readonly [string, readonly string[], number, Record<string, string>?])[] = [
    ['0 for a list', ['run', 'ls', '-o', 'name'], 0],
    ['0 for help', ['--help'], 0],
    ['2 for an unknown command', ['run', 'lss'], 2],
    ['2 for an unknown flag', ['run', 'ls', '--colour'], 2],
    ['2 for no task', ['run', 'create', 'demo'], 2],
    ['2 for a role and a runner', ['run', 'create', 'demo', '--runner', 'exec', '--task', 'x'], 2],
    ['2 for a mount of an unknown mode', ['run', 'create', 'demo', '--task', 'x', '--mount', 'demo:rwx'], 2],
    ['2 for an unknown form', ['run', 'ls', '-o', 'xml'], 2],
    ['2 for a malformed duration', ['run', 'ls', '--timeout', 'soon'], 2],
    ['4 for no key', ['run', 'ls'], 4, { SALLY_TOKEN: `sally_${'x'.repeat(43)}` }],
    ['5 for an unknown role', ['run', 'create', 'nobody', '--task', 'x'], 5],
    ['5 for an unknown run', ['run', 'get', 'run_nothing'], 5],
    ['5 for a run nobody can watch', ['run', 'watch', 'run_nothing'], 5],
    ['6 for a taken name', ['workspace', 'create', 'demo'], 6],
    ['10 for nobody there', ['run', 'ls'], 10, { SALLY_URL: 'http://127.0.0.1:9' }],
  ];

  test.each(cases)('is %s', async (_, args, code, env = {}) => {
    const ended = await sally(args, { env });
    expect({ code: ended.code, err: ended.err }).toEqual({
      code,
      err: code === 0 ? '' : expect.stringMatching(/error: .+\n {2}why: .+\n {2}next: .+/),
    });
  });

  test.each(cases.filter(([, , code]) => code !== 0))(
    'is %s, and with -o json only one problem on standard error',
    async (_, args, code, env = {}) => {
      const form = args.includes('-o') ? [] : ['-o', 'json'];
      const ended = await sally([...args, ...form], { env });
      expect(ended).toMatchObject({ code, out: '' });
      if (form.length > 0)
        expect(JSON.parse(ended.err)).toMatchObject({
          exit_code: code,
          code: expect.stringMatching(/^[a-z]+\.[a-z_]+$/),
        });
    },
  );

  test.each<[number, string, (run: Run) => void]>([
    [0, 'a completed run', ends(RunState.COMPLETED, { verdict: Verdict.SUCCEEDED })],
    [1, 'a failed run', ends(RunState.FAILED, { verdict: Verdict.FAILED, reason: 'agent_failed' })],
    [1, 'a cancelled run', ends(RunState.CANCELLED)],
    [7, 'a blocked run', ends(RunState.FAILED, { verdict: Verdict.BLOCKED })],
    [9, 'a run out of budget', ends(RunState.FAILED, { verdict: Verdict.BUDGET_EXHAUSTED })],
  ])('is %i for %s that is waited for', async (code, _, life) => {
    plays(life);
    expect((await sally(['run', 'create', 'demo', '--task', 'x', '--wait'])).code).toBe(code);
  });

  test('is 124 when the time is up', async () => {
    plays(() => undefined);
    const ended = await sally(['run', 'create', 'demo', '--task', 'x', '--wait', '--timeout', '300ms']);
    expect(ended.code).toBe(124);
  });
});

describe('a run', () => {
  test('is created with its id alone on standard output', async () => {
    plays(() => undefined);
    const ended = await sally(['run', 'create', 'demo', '--task', 'x', '--mount', 'demo:rw', '--detach']);
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(ended.out).toMatch(/^run_[0-9a-z]{26}\n$/);
    expect(stack.scheduler.runs.get(ended.out.trim())?.mounts).toMatchObject([{ workspace: 'demo', mode: 2 }]);
  });

  test('takes a command behind -- and a task from standard input', async () => {
    expect((await sally(['run', 'create', '--runner', 'exec', '--', 'echo', '--wait', 'hi'])).code).toBe(0);
    expect((await sally(['run', 'create', 'demo', '--task', '-'], { input: 'from a pipe' })).code).toBe(0);
  });

  test('is waited for as JSON that is nothing but the run', async () => {
    plays(ends(RunState.COMPLETED, { verdict: Verdict.SUCCEEDED, reply: 'all done' }));
    const ended = await sally(['run', 'create', 'demo', '--task', 'x', '--wait', '-o', 'json']);
    expect(ended.err).toBe('');
    expect(JSON.parse(ended.out)).toMatchObject({ state: 'completed', verdict: 'succeeded', reply: 'all done' });
  });

  test('is shown as a timeline without colour when nobody looks', async () => {
    plays((run) => {
      stack.scheduler.say(run.id, {
        case: 'stageReached',
        value: { stage: 'sandbox', tookMicros: 38_000n, detail: { network: 'none' } },
      });
      stack.scheduler.say(run.id, {
        case: 'toolStarted',
        value: { call: '1', tool: 'bash', arguments: '{"command":"cat /workspace/company/data"}' },
      });
      stack.scheduler.say(run.id, {
        case: 'egressDecided',
        value: { decision: 'dec_1', allowed: false, reason: 'host_not_allowed', target: 'example.com:443' },
      });
      ends(RunState.COMPLETED)(run);
    });
    const { out } = await sally(['run', 'create', 'demo', '--task', 'x', '--wait']);
    expect(out).not.toContain('\u001b');
    for (const part of [
      'sandbox',
      '38 ms',
      'cat /workspace/company/data',
      'example.com:443',
      'host_not_allowed',
      'dec_1',
      'completed',
    ])
      expect(out).toContain(part);
  });

  test('leaves no escape of its output to the terminal, unless raw bytes are asked for', async () => {
    const run = stack.scheduler.accept('acme');
    const hostile = Buffer.from('a\u001b]0;title\u0007b\u009b2Jc\r\n');
    stack.scheduler.say(run.id, { case: 'output', value: { stream: Stream.STDOUT, data: hostile } });
    stack.scheduler.end(run.id, RunState.COMPLETED);
    const safe = await sally(['logs', run.id]);
    expect(safe.out).toBe('a\\x1b]0;title\\x07b\\x9b2Jc\n');
    const raw = await sally(['logs', run.id, '--raw', '-f']);
    expect(raw.out).toBe(hostile.toString());
  });

  test('is listed by name, as lines of JSON and as YAML', async () => {
    const names = (await sally(['ps', '-o', 'name'])).out.trim().split('\n');
    expect(names.every((name) => name.startsWith('run_'))).toBe(true);
    const lines = (await sally(['run', 'ls', '-o', 'jsonl', '-n', '3'])).out.trim().split('\n');
    expect(lines.map((line) => typeof (JSON.parse(line) as { id: string }).id)).toEqual(['string', 'string', 'string']);
    expect((await sally(['run', 'ls', '-o', 'yaml', '-n', '1'])).out).toMatch(/^items:\n {2}- id: run_/);
  });
});

describe('a workspace', () => {
  test('is imported from any repository, without its configuration', async () => {
    const before = stack.workspace.uploads.size;
    const ended = await sally(['workspace', 'import', 'ours', stack.workspace.repo, '-o', 'json']);
    expect(ended.err).toBe('');
    expect(JSON.parse(ended.out)).toMatchObject({ name: 'ours' });
    expect(stack.workspace.uploads.size).toBe(before + 1);
    expect([...stack.workspace.uploads.values()].at(-1)?.bytes.subarray(0, 20).toString()).toContain('git bundle');
  });

  test('is not imported from what is no repository', async () => {
    expect(await sally(['workspace', 'import', 'nothing', folder])).toMatchObject({ code: 5, out: '' });
  });

  test('is exported to a file', async () => {
    expect((await sally(['workspace', 'export', 'demo', 'out.bundle'])).out).toBe('out.bundle\n');
    expect(readFileSync(join(folder, 'out.bundle')).subarray(0, 20).toString()).toContain('git bundle');
  });

  test('shows its files, log, diff and undo', async () => {
    expect((await sally(['workspace', 'files', 'demo'])).out).toContain('README.md');
    expect((await sally(['workspace', 'files', 'demo', 'docs/a b.txt'])).out).toBe('\u001b[2Jhi');
    expect((await sally(['workspace', 'log', 'demo'])).out).toContain('Ada');
    expect((await sally(['workspace', 'diff', 'demo'])).out).toContain('+++ b/x');
    expect((await sally(['workspace', 'undo', 'demo'])).code).toBe(0);
  });
});

describe('a role', () => {
  test('goes through apply and back without a change', async () => {
    const role =
      'name: writer\nrunner: native\nprovider: { name: scripted, dialect: openai_chat, base_url: http://127.0.0.1:1 }\n';
    expect((await sally(['role', 'apply', '-'], { input: role })).out).toContain('version 1');
    const shown = (await sally(['role', 'get', 'writer', '-o', 'yaml'])).out;
    writeFileSync(join(folder, 'writer.yaml'), shown);
    expect((await sally(['role', 'apply', 'writer.yaml'])).out).toContain('version 2');
    const again = (await sally(['role', 'get', 'writer', '-o', 'yaml'])).out;
    expect(again.replace('version: 2', 'version: 1')).toBe(shown);
    expect((await sally(['role', 'apply', 'writer.yaml', '--if-version', '1'])).code).toBe(6);
  });
});

describe('a grant', () => {
  test('is listed, shown and revoked', async () => {
    expect((await sally(['grant', 'ls'])).out).toMatch(/grn_1 +active +schedule\/nightly +3\/100 +1\/10/);
    expect((await sally(['grant', 'get', 'grn_1'])).out).toContain('demo:rw');
    expect(JSON.parse((await sally(['grant', 'get', 'grn_1', '-o', 'json'])).out)).toMatchObject({
      token: 'x.y.z',
      used_runs: 3,
    });
    expect((await sally(['grant', 'revoke', 'grn_1'])).out).toContain('revoked');
    expect((await sally(['grant', 'ls', '--active', '-o', 'name'])).out).toBe('');
    for (const verb of ['get', 'revoke']) expect((await sally(['grant', verb, 'grn_2'])).code).toBe(5);
  });
});

describe('the rest', () => {
  test('asks for the status, the versions and any route', async () => {
    expect((await sally(['status'])).out).toContain('ready');
    expect(JSON.parse((await sally(['version', '-o', 'json'])).out)).toMatchObject({
      client: '0.1.0',
      server: '0.1.0',
    });
    expect(JSON.parse((await sally(['api', 'GET', '/v1/keys'])).out)).toMatchObject({ items: [{ id: 'key_1' }] });
    expect((await sally(['api', 'POST', '/v1/nothing', '-d', '{}'])).code).toBe(5);
  });

  test('reads and exports the audit log', async () => {
    stack.audit.append({ kind: 'run.accepted', run: 'run_1' });
    expect((await sally(['audit', 'query'])).out).toContain('run.accepted');
    expect((await sally(['audit', 'query', '--kind', 'run.refused', '-o', 'name'])).out).toBe('');
    expect((await sally(['audit', 'export', 'log.tar'])).code).toBe(0);
    const bad = await sally(['audit', 'verify', 'log.tar', '-o', 'json']);
    expect(bad).toMatchObject({ code: 1, out: '' });
    expect(JSON.parse(bad.err)).toMatchObject({ code: 'cli.audit_verdict' });
  });

  test('finds out what is wrong', async () => {
    const { out, code } = await sally(['doctor', '-o', 'json']);
    const { checks } = JSON.parse(out) as { checks: { name: string; state: string }[] };
    expect(checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['node', 'git', 'disk', 'scheduler', 'audit']),
    );
    expect(code).toBe(checks.some(({ state }) => state === 'fail') ? 3 : 0);
  });

  test('says its version out of three files, and reads nothing else for it', async () => {
    const bare = join(folder, 'bare');
    for (const file of ['bin/sally.mjs', 'src/main.ts', 'src/version.ts']) {
      mkdirSync(dirname(join(bare, file)), { recursive: true });
      copyFileSync(join(client, file), join(bare, file));
    }
    const program = join(bare, 'bin/sally.mjs');
    expect(await sally(['--version'], { program })).toEqual({ code: 0, out: '0.1.0\n', err: '' });
    // All else is elsewhere.
    expect((await sally(['run', 'ls'], { program })).code).not.toBe(0);
    expect((await sally(['--version'])).out).toBe('0.1.0\n');
  });
});
