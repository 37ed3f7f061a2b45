import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { type CaptureLimits, defaultCaptureLimits } from './capture-limits.ts';
import { captureTree } from './capture-tree.ts';
import { checkOut } from './checkout.ts';
import { parseIndex } from './git-index.ts';

const made: string[] = [];
afterAll(() => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true });
});

const env = {
  PATH: process.env['PATH'],
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@b',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@b',
};
const git = (directory: string, ...args: string[]): string =>
  execFileSync('git', ['-C', directory, ...args], { env, encoding: 'utf8' }).trim();

/** A repository and a checkout of it as the edge makes one. */
async function aCheckout(files: Record<string, string>) {
  const root = mkdtempSync(join(tmpdir(), 'sally-capture-'));
  made.push(root);
  const [source, target] = [join(root, 'source'), join(root, 'target')];
  for (const directory of [source, target]) mkdirSync(directory);
  git(source, 'init', '-q');
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(source, path)), { recursive: true });
    writeFileSync(join(source, path), text);
  }
  git(source, 'add', '-A', '-f');
  git(source, 'commit', '-q', '--allow-empty', '-m', 'first');
  const tree = git(source, 'rev-parse', 'HEAD^{tree}');
  const [index, pack] = [join(root, 'index'), join(root, 'new.pack')];
  await checkOut({ gitDir: join(source, '.git'), tree, target, index });
  const capture = (limits: Partial<CaptureLimits> = {}) =>
    captureTree({
      target,
      index,
      pack,
      tree,
      limits: { ...defaultCaptureLimits, ...limits },
      monotonic: () => performance.now(),
    });
  /** What git itself makes of the directory. */
  const gitTree = (): string => {
    const added = { ...env, GIT_INDEX_FILE: join(root, 'other-index') };
    execFileSync('git', ['--git-dir', join(source, '.git'), '--work-tree', target, 'add', '-A', '-f'], {
      env: added,
      cwd: target,
    });
    return execFileSync('git', ['--git-dir', join(source, '.git'), 'write-tree'], {
      env: added,
      encoding: 'utf8',
    }).trim();
  };
  return { root, source, target, index, pack, tree, capture, gitTree };
}

describe('captureTree', () => {
  test('makes the tree that git makes, and a pack that git takes', async () => {
    const it = await aCheckout({ 'a.txt': '1', 'a/b.txt': '2', 'a-b': '3', 'deep/er/c': '4', 'deep/er/d': '5' });
    writeFileSync(join(it.target, 'a/b.txt'), 'changed');
    writeFileSync(join(it.target, 'a0'), 'new');
    mkdirSync(join(it.target, 'new/folder'), { recursive: true });
    writeFileSync(join(it.target, 'new/folder/\u00fc \n"x"'), 'odd name');
    rmSync(join(it.target, 'deep/er/c'));
    const captured = await it.capture();
    expect(captured.tree).toBe(it.gitTree());
    expect(captured.refused).toEqual({});
    const empty = join(it.root, 'empty.git');
    execFileSync('git', ['init', '-q', '--bare', empty], { env });
    execFileSync('git', ['--git-dir', empty, 'unpack-objects', '-q', '--strict'], {
      env: { ...env, GIT_ALTERNATE_OBJECT_DIRECTORIES: join(it.source, '.git/objects') },
      input: readFileSync(it.pack),
    });
    expect(captured.size).toBe(readFileSync(it.pack).length);
  });

  test('keeps a name that is not UTF-8', async () => {
    const it = await aCheckout({ a: '1' });
    writeFileSync(Buffer.concat([Buffer.from(`${it.target}/`), Buffer.from([0xff, 0xfe])]), 'x');
    expect((await it.capture()).tree).toBe(it.gitTree());
  });

  test('makes the empty tree of an emptied directory', async () => {
    const it = await aCheckout({ a: '1' });
    rmSync(join(it.target, 'a'));
    expect((await it.capture()).tree).toBe('4b825dc642cb6eb9a060e54bf8d69288fbee4904');
  });

  test('sends nothing of an unchanged one', async () => {
    const it = await aCheckout({ a: '1', 'b/c': '2' });
    expect(await it.capture()).toMatchObject({ tree: it.tree, objects: 0 });
  });

  test('stores conversations and never the HOME beside them, which is no change either', async () => {
    const it = await aCheckout({ a: '1' });
    mkdirSync(join(it.target, '.sally/home/deep'), { recursive: true });
    writeFileSync(join(it.target, '.sally/home/deep/token'), 'x'.repeat(1000));
    expect(await it.capture()).toMatchObject({ tree: it.tree, objects: 0, refused: {} });
    mkdirSync(join(it.target, '.sally/sessions'));
    writeFileSync(join(it.target, '.sally/sessions/s.json'), '{}');
    const captured = await it.capture();
    rmSync(join(it.target, '.sally/home'), { recursive: true });
    expect(captured.tree).toBe(it.gitTree());
  });

  test('leaves a file over the limit out and names it, whatever it claims to hold', async () => {
    const it = await aCheckout({ a: '1' });
    writeFileSync(join(it.target, 'sparse'), '');
    truncateSync(join(it.target, 'sparse'), 2 ** 40);
    expect((await it.capture()).refused).toEqual({ sparse: 'too_large' });
  });

  test.each([
    ['entries', { entries: 3 }],
    ['new bytes', { newBytes: 5 }],
  ])('fails as a whole over the limit of %s', async (_what, limits) => {
    const it = await aCheckout({ a: '1' });
    for (const name of ['b', 'c', 'd']) writeFileSync(join(it.target, name), 'xxx');
    await expect(it.capture(limits)).rejects.toMatchObject({
      code: 'resource_exhausted',
      reason: 'runtime.mount_too_large',
    });
  });

  test('names folders that lie too deep', async () => {
    const it = await aCheckout({ a: '1' });
    mkdirSync(join(it.target, 'x/y/z'), { recursive: true });
    writeFileSync(join(it.target, 'x/y/z/file'), 'x');
    expect((await it.capture({ depth: 2 })).refused).toEqual({ 'x/y/z': 'too_deep' });
  });

  test('leaves out paths too long to be read back, and keeps what lies beside them', async () => {
    const it = await aCheckout({ a: '1' });
    const nest = 'i=0; while [ $i -lt 40 ]; do mkdir "$1" && cd -P "$1" || exit 1; i=$((i + 1)); done; : > file';
    execFileSync('sh', ['-c', nest, 'sh', 'd'.repeat(200)], { cwd: it.target });
    writeFileSync(join(it.target, 'b'), 'new');
    const captured = await it.capture();
    expect(captured.refused).toEqual({ [Array(11).fill('d'.repeat(200)).join('/')]: 'path_too_long' });
    expect(captured.objects).toBeGreaterThan(0);
    execFileSync('rm', ['-rf', join(it.target, 'd'.repeat(200))]);
    expect(captured.tree).toBe(it.gitTree());
  });

  test.each([
    ['missing', (index: string) => rmSync(index)],
    ['cut', (index: string) => truncateSync(index, 40)],
    ['altered', (index: string) => writeFileSync(index, readFileSync(index).fill(1, 20, 30))],
  ])('does not guess when the record of the checkout is %s', async (_what, harm) => {
    const it = await aCheckout({ a: '1' });
    harm(it.index);
    await expect(it.capture()).rejects.toMatchObject({ code: 'internal', reason: 'runtime.mount_record' });
  });
});

describe('parseIndex', () => {
  test('reads entries and the tree of every folder', async () => {
    const it = await aCheckout({ a: '1', 'b/c/d': '2' });
    const { entries, trees } = parseIndex(readFileSync(it.index));
    expect([...entries.keys()]).toEqual(['a', 'b/c/d']);
    expect(trees.get('')).toBe(it.tree);
    expect(trees.get('b/c')).toBe(git(it.source, 'rev-parse', 'HEAD:b/c'));
  });
});
