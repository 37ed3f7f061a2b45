import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { cleanGit, inertAttributes } from './clean-git.ts';

describe('cleanGit', () => {
  let folder: string;
  let gitDir: string;
  const text = (args: readonly string[]) =>
    cleanGit({ gitDir, args }).then(({ code, stdout }) => ({ code, stdout: stdout.toString('utf8') }));

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'clean-git-'));
    gitDir = join(folder, 'x.git');
    for (const each of ['objects', 'refs', 'info']) mkdirSync(join(gitDir, each), { recursive: true });
    writeFileSync(join(gitDir, 'HEAD'), 'ref: refs/heads/main\n');
    writeFileSync(join(gitDir, 'config'), '[core]\n\trepositoryformatversion = 0\n\tbare = true\n');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('sees no configuration of a user or a machine', async () => {
    const home = process.env['HOME'];
    process.env['HOME'] = folder;
    writeFileSync(join(folder, '.gitconfig'), '[user]\n\tname = mallory\n[alias]\n\tevil = !touch pwned\n');
    try {
      expect(await text(['config', '--get', 'user.name'])).toEqual({ code: 1, stdout: '' });
      expect((await text(['evil'])).code).not.toBe(0);
    } finally {
      process.env['HOME'] = home;
    }
  });

  test('runs no hook', async () => {
    const marker = join(folder, 'marker');
    const hook = join(gitDir, 'hooks', 'reference-transaction');
    mkdirSync(join(gitDir, 'hooks'));
    writeFileSync(hook, `#!/bin/sh\ntouch ${marker}\n`);
    chmodSync(hook, 0o755);
    const { stdout } = await text(['hash-object', '-w', '-t', 'tree', '/dev/null']);
    await text(['update-ref', 'refs/tags/t', stdout.trim()]);
    expect((await text(['for-each-ref', '--format=%(refname)'])).stdout).toBe('refs/tags/t\n');
    expect(() => rmSync(marker)).toThrow();
  });

  test.each([
    ['one that reaches out', ['ls-remote', 'https://example.invalid/x.git']],
    ['one that reads another repository', ['ls-remote', '/']],
  ])('refuses a transport: %s', async (_what, args) => {
    expect(await text(args)).toMatchObject({ code: 128, stdout: '' });
  });

  test('lets its own attributes win over those of a tree', async () => {
    writeFileSync(join(gitDir, 'info', 'attributes'), inertAttributes);
    const workTree = join(folder, 'tree');
    mkdirSync(workTree);
    writeFileSync(join(workTree, '.gitattributes'), '* filter=evil diff=evil text eol=crlf ident\n');
    const { stdout } = await text([
      '-c',
      'core.bare=false',
      `--work-tree=${workTree}`,
      '-C',
      workTree,
      'check-attr',
      'filter',
      'diff',
      'text',
      'ident',
      '--',
      'a',
    ]);
    expect(stdout).toBe('a: filter: unset\na: diff: unspecified\na: text: unset\na: ident: unset\n');
  });

  test('takes its input whole or in pieces', async () => {
    const args = ['hash-object', '--stdin'];
    const whole = await cleanGit({ gitDir, args, input: 'hello\n' });
    async function* pieces() {
      yield Buffer.from('hel');
      yield Buffer.from('lo\n');
    }
    expect(whole.stdout.toString('utf8')).toBe('ce013625030ba8dba906f756967f9e9ca394464a\n');
    expect((await cleanGit({ gitDir, args, input: pieces() })).stdout).toEqual(whole.stdout);
  });

  test('ends a git that writes more than is kept, and says so', async () => {
    const input = 'x'.repeat(1_000_000);
    const id = (await cleanGit({ gitDir, args: ['hash-object', '-w', '--stdin'], input })).stdout.toString('utf8');
    const cut = await cleanGit({ gitDir, args: ['cat-file', 'blob', id.trim()], outputBytes: 1000 });
    expect(cut).toMatchObject({ truncated: true });
    expect(cut.stdout).toHaveLength(1000);
  });

  test.each([
    ['a git that is not there', { env: { PATH: '/nonexistent' } }],
    ['an overrun of the time', { timeoutMs: 50, input: never() }],
    ['an overrun of the memory', { memoryKb: 1000 }],
    ['a git that reads nothing', { args: ['no-such-command'], input: 'x'.repeat(1_000_000) }],
  ])('answers %s with a code', async (_what, run) => {
    const { code } = await cleanGit({ gitDir, args: ['hash-object', '--stdin'], ...run });
    expect(code).not.toBe(0);
  });
});

/** An input that never ends and never comes. */
async function* never(): AsyncGenerator<Uint8Array> {
  await new Promise(() => undefined);
  yield new Uint8Array();
}
