import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { repository } from '../start/options.ts';
import { git, sally } from './sally.ts';
import { type RunView, StartedStack } from './started-stack.ts';

let stack: StartedStack;
const folder = mkdtempSync(join(tmpdir(), 'sally-story-'));
const cloneUrl = (): string => stack.rest.url.replace('http://', `http://sally:${stack.rest.token}@`);

beforeAll(async () => {
  stack = await StartedStack.start();
});

afterAll(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
});

const treeOf = async (commit: string, from: string): Promise<string> =>
  (await git(from, 'rev-parse', `${commit}^{tree}`)).stdout.trim();

describe('a person and an agent work on a repository', () => {
  let run: RunView;
  const before = join(folder, 'before');
  const after = join(folder, 'after');

  test('imports this very repository as a workspace', async () => {
    const source = join(folder, 'source');
    // Histories of any depth: a shallow checkout is cut off from its own past and cannot be bundled.
    await git(folder, 'clone', '--quiet', '--no-local', repository, source);
    const said = await sally(stack, 'workspace', 'import', 'sallyport', source, '-o', 'json');
    expect(said).toMatchObject({ code: 0 });
    expect(JSON.parse(said.stdout)).toMatchObject({ name: 'sallyport', state: 'idle' });
    expect(await git(folder, 'clone', '--quiet', `${cloneUrl()}/git/acme/sallyport`, before)).toMatchObject({
      code: 0,
    });
    expect(await treeOf('HEAD', before)).toBe(await treeOf('HEAD', source));
  });

  test('lets the native agent change files in it', async () => {
    const script = [
      {
        text: 'I change a file.',
        shell:
          'printf "one more line\\n" >> README.md && mkdir -p notes && printf "made by an agent\\n" > notes/agent.md',
      },
      { text: 'Done.' },
    ];
    const said = await sally(
      stack,
      'run',
      'create',
      'editor',
      '--mount',
      'sallyport:rw',
      '--task',
      `Edit. <script>${JSON.stringify(script)}</script>`,
      '--wait',
      '-o',
      'json',
    );
    expect({ ...said, stdout: undefined }).toMatchObject({ code: 0 });
    run = JSON.parse(said.stdout) as RunView;
    expect(run).toMatchObject({
      state: 'completed',
      verdict: 'succeeded',
      // Two of the script, and the conversation, which a later run can go on from.
      commits: [{ workspace: 'sallyport', files: 3 }],
    });
  });

  test('clones the result: one platform commit with author, committer and trailers', async () => {
    expect(await git(folder, 'clone', '--quiet', `${cloneUrl()}/git/acme/sallyport`, after)).toMatchObject({ code: 0 });
    const log = (await git(after, 'log', '-2', '--format=%H|%an|%ae|%cn|%ce')).stdout.trim().split('\n');
    expect(log[0]).toBe(`${run.commits[0]?.commit}|Local Admin|admin@localhost|Sallyport|platform@sallyport.local`);
    expect(log[1]?.split('|')[0]).toBe((await git(before, 'rev-parse', 'HEAD')).stdout.trim());
    const trailers = (await git(after, 'log', '-1', '--format=%(trailers:only)')).stdout;
    expect(trailers).toContain(`Sally-Run: ${run.id}`);
    expect(trailers).toContain(`Sally-Dispatch: ${run.dispatch}`);
    expect(readFileSync(join(after, 'notes/agent.md'), 'utf8')).toBe('made by an agent\n');
  });

  test('shows files, log and diff without a clone', async () => {
    const files = await sally(stack, 'workspace', 'files', 'sallyport', 'notes', '-o', 'json');
    expect(files.stdout).toContain('notes/agent.md');
    const diff = await sally(stack, 'workspace', 'diff', 'sallyport');
    expect(diff.stdout).toContain('+one more line');
  });

  test('undo restores the tree exactly, as a new commit', async () => {
    expect(await sally(stack, 'workspace', 'undo', 'sallyport')).toMatchObject({ code: 0 });
    const undone = join(folder, 'undone');
    await git(folder, 'clone', '--quiet', `${cloneUrl()}/git/acme/sallyport`, undone);
    expect(await treeOf('HEAD', undone)).toBe(await treeOf('HEAD', before));
    expect((await git(undone, 'rev-parse', 'HEAD~1')).stdout.trim()).toBe(run.commits[0]?.commit);
  });

  test('both dialects drive the same loop', async () => {
    const script = [{ text: 'Hello', shell: 'echo dialect > dialect.txt' }, { text: 'Done.' }];
    const created = await stack.create({
      role: 'editor-openai',
      task: `<script>${JSON.stringify(script)}</script>`,
      mounts: [{ workspace: 'demo', mode: 'rw' }],
    });
    expect(await stack.ended(created.id)).toMatchObject({
      state: 'completed',
      commits: [{ workspace: 'demo', files: 2 }],
    });
  });

  test('the audit export verifies offline, and one flipped byte anywhere is named', async () => {
    const bundle = join(folder, 'audit.tar');
    expect(await sally(stack, 'audit', 'export', bundle)).toMatchObject({ code: 0 });
    expect(await sally(stack, 'audit', 'verify', bundle)).toMatchObject({ code: 0 });
    const bytes = readFileSync(bundle);
    const broken = join(folder, 'broken.tar');
    for (const share of [0.001, 0.1, 0.25, 0.4, 0.5, 0.65, 0.8, 0.95, 0.9999]) {
      const copy = Buffer.from(bytes);
      const at = Math.floor(copy.length * share);
      copy[at] = (copy[at] ?? 0) ^ 1;
      writeFileSync(broken, copy);
      const said = await sally(stack, 'audit', 'verify', broken, '-o', 'json');
      expect({ at, code: said.code }).toEqual({ at, code: 1 });
      expect(said.stderr + said.stdout).toMatch(/"file":\s*"[^"]+"/);
    }
  });
});
