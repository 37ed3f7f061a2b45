import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WorkspaceState } from '@sallyport/contracts/workspace/v1/workspace';
import { WorkspaceWorld } from './workspace-world.ts';

let world: WorkspaceWorld;

beforeAll(async () => {
  world = await WorkspaceWorld.start();
});
afterAll(() => world.close());

const files = { 'README.md': Buffer.from('# demo\n'), 'src/a.txt': Buffer.from('one\n') };

function bucketFiles(name: string): string[] {
  const folder = world.path(`bucket/org/acme/ws/${name}/packs`);
  return readdirSync(folder).map((file) => join(folder, file));
}

describe('CreateWorkspace', () => {
  test('makes one commit by the person, committed by the platform', async () => {
    const call = await world.session();
    const { workspace } = await world.api.createWorkspace({ name: 'made', files }, call);
    expect(workspace).toMatchObject({
      name: 'made',
      org: 'acme',
      state: WorkspaceState.IDLE,
      branch: 'main',
      holder: '',
    });
    const { commits, next } = await world.api.listCommits({ workspace: 'made' }, call);
    expect(commits).toMatchObject([
      {
        id: workspace?.head,
        parents: [],
        authorName: 'Ada',
        authorEmail: 'ada@example.org',
        committerName: 'Sallyport',
      },
    ]);
    expect(next).toBe('');
    const { entries } = await world.api.listFiles({ workspace: 'made', recursive: true }, call);
    expect(entries.map(({ path, mode, size }) => ({ path, mode, size }))).toEqual([
      { path: 'README.md', mode: '100644', size: 7n },
      { path: 'src/a.txt', mode: '100644', size: 4n },
    ]);
    const { data } = await world.api.readFile({ workspace: 'made', path: 'src/a.txt' }, call);
    expect(Buffer.from(data).toString()).toBe('one\n');
  });

  test('makes an empty workspace with an empty tree', async () => {
    const call = await world.session();
    await world.api.createWorkspace({ name: 'empty' }, call);
    expect((await world.api.listFiles({ workspace: 'empty' }, call)).entries).toEqual([]);
  });

  test('keeps nothing readable in the bucket', async () => {
    const call = await world.session();
    await world.api.createWorkspace(
      { name: 'sealed', files: { 'secret.txt': Buffer.from('a very plain secret') } },
      call,
    );
    for (const file of bucketFiles('sealed')) {
      const bytes = readFileSync(file);
      expect(bytes.includes('PACK')).toBe(false);
      expect(statSync(file).mode & 0o077).toBe(0);
    }
  });

  const refused: readonly [string, object, string, string][] = [
    ['a name that is taken', { name: 'taken' }, 'already_exists', 'workspace.exists'],
    ['a name that is no slug', { name: '../up' }, 'invalid_argument', 'workspace.name'],
    ['an empty name', { name: '' }, 'invalid_argument', 'workspace.name'],
    ['a path that climbs', { name: 'bad', files: { '../x': Buffer.from('x') } }, 'invalid_argument', 'workspace.path'],
    [
      'an absolute path',
      { name: 'bad', files: { '/etc/passwd': Buffer.from('x') } },
      'invalid_argument',
      'workspace.path',
    ],
    [
      'a path below .git',
      { name: 'bad', files: { '.GIT/config': Buffer.from('x') } },
      'invalid_argument',
      'workspace.path',
    ],
    [
      'a file that is a folder too',
      { name: 'bad', files: { a: Buffer.from('x'), 'a/b': Buffer.from('x') } },
      'invalid_argument',
      'workspace.path',
    ],
    [
      'too much content',
      { name: 'bad', files: { a: Buffer.alloc(257 * 1024) } },
      'resource_exhausted',
      'workspace.too_large',
    ],
  ];
  test.each(refused)('refuses %s', async (_what, request, code, reason) => {
    const call = await world.session();
    await world.api.createWorkspace({ name: 'taken' }, call).catch(() => undefined);
    await expect(world.api.createWorkspace(request, call)).rejects.toMatchObject({ code, reason });
  });
});

describe('isolation of orgs', () => {
  test("does not admit that another org's workspace exists", async () => {
    const call = await world.session();
    await world.api.createWorkspace({ name: 'ours', files }, call);
    const other = await world.session({ org: 'other' });
    const wanted = { code: 'not_found', reason: 'workspace.unknown' };
    await expect(world.api.getWorkspace({ name: 'ours' }, other)).rejects.toMatchObject(wanted);
    await expect(world.api.listFiles({ workspace: 'ours' }, other)).rejects.toMatchObject(wanted);
    await expect(
      world.api.openDownload({ workspace: 'ours', what: { case: 'bundle', value: {} } }, other),
    ).rejects.toMatchObject(wanted);
    expect((await world.api.listWorkspaces({}, other)).workspaces).toEqual([]);
  });

  test('lets two orgs have a workspace of the same name', async () => {
    const mine = await world.session();
    const other = await world.session({ org: 'other' });
    await world.api.createWorkspace({ name: 'twin', files: { a: Buffer.from('mine') } }, mine);
    await world.api.createWorkspace({ name: 'twin', files: { a: Buffer.from('theirs') } }, other);
    expect(Buffer.from((await world.api.readFile({ workspace: 'twin', path: 'a' }, mine)).data).toString()).toBe(
      'mine',
    );
  });
});

describe('ListWorkspaces', () => {
  test('pages by name', async () => {
    const call = await world.session({ org: 'paged' });
    for (const name of ['b', 'a', 'c']) await world.api.createWorkspace({ name }, call);
    const first = await world.api.listWorkspaces({ pageSize: 2 }, call);
    expect(first.workspaces.map(({ name }) => name)).toEqual(['a', 'b']);
    const second = await world.api.listWorkspaces({ pageSize: 2, pageToken: first.nextPageToken }, call);
    expect(second.workspaces.map(({ name }) => name)).toEqual(['c']);
    expect(second.nextPageToken).toBe('');
  });
});

describe('reading', () => {
  beforeAll(async () => {
    await world.api.createWorkspace({ name: 'read', files }, await world.session());
  });

  const refused: readonly [string, object, string, string][] = [
    ['a path that climbs', { path: '../../etc/passwd' }, 'invalid_argument', 'workspace.path'],
    ['an absolute path', { path: '/etc/passwd' }, 'invalid_argument', 'workspace.path'],
    ['a path that is not there', { path: 'nope' }, 'not_found', 'workspace.file_unknown'],
    ['a folder', { path: 'src' }, 'not_found', 'workspace.file_unknown'],
    [
      'a commit that is an option',
      { path: 'README.md', commit: '--upload-pack=touch' },
      'not_found',
      'workspace.commit_unknown',
    ],
    [
      'a commit that is not there',
      { path: 'README.md', commit: 'f'.repeat(40) },
      'not_found',
      'workspace.commit_unknown',
    ],
  ];
  test.each(refused)('refuses %s', async (_what, request, code, reason) => {
    const asked = world.api.readFile({ workspace: 'read', ...request }, await world.session());
    await expect(asked).rejects.toMatchObject({ code, reason });
  });

  test('records each refusal once', async () => {
    const before = (await world.events()).length;
    await world.api.readFile({ workspace: 'read', path: 'nope' }, await world.session()).catch(() => undefined);
    const added = (await world.events()).slice(before);
    expect(added).toMatchObject([
      { kind: 'workspace.denied', reason: 'workspace.file_unknown', resource: 'workspace/read', org: 'acme' },
    ]);
  });
});

describe('stored packs', () => {
  const damage: readonly [string, (file: string) => void][] = [
    ['one flipped byte', (file) => flip(file, statSync(file).size - 3)],
    ['a flipped header', (file) => flip(file, 2)],
    ['a cut end', (file) => writeFileSync(file, readFileSync(file).subarray(0, -1))],
    ['a missing object', (file) => rmSync(file)],
  ];
  test.each(damage)('with %s are never served', async (what, harm) => {
    const name = `harm-${what.replaceAll(' ', '-')}`;
    const call = await world.session();
    await world.api.createWorkspace({ name, files }, call);
    for (const file of bucketFiles(name)) harm(file);
    const asked = world.api.readFile({ workspace: name, path: 'README.md' }, call);
    await expect(asked).rejects.toMatchObject({ code: 'internal', reason: 'workspace.object_damaged' });
  });

  test('of one workspace do not pass for those of another', async () => {
    const call = await world.session();
    await world.api.createWorkspace({ name: 'swap-a', files }, call);
    await world.api.createWorkspace({ name: 'swap-b', files: { b: Buffer.from('b') } }, call);
    const [a = '', b = ''] = [bucketFiles('swap-a')[0], bucketFiles('swap-b')[0]];
    writeFileSync(b, readFileSync(a));
    await expect(world.api.listFiles({ workspace: 'swap-b' }, call)).rejects.toMatchObject({
      reason: 'workspace.object_damaged',
    });
  });
});

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}

describe('UndoCommit', () => {
  test('restores the tree exactly and keeps the history', async () => {
    const call = await world.session();
    const directory = world.repository('undo-src', { 'a.txt': '1\n', 'bin/run': '#!/bin/sh\n' });
    const before = world.git(directory, ['rev-parse', 'HEAD^{tree}']);
    writeFileSync(join(directory, 'a.txt'), '2\n');
    world.git(directory, ['rm', '-q', 'bin/run']);
    world.git(directory, ['commit', '-q', '-am', 'second']);
    const upload = await world.upload(world.api, call, world.bundle(directory));
    const { workspace } = await world.api.importWorkspace({ name: 'undone', upload }, call);
    const answer = await world.api.undoCommit({ workspace: 'undone' }, call);
    expect(answer.workspace?.head).toBe(answer.commit);
    const { commits } = await world.api.listCommits({ workspace: 'undone' }, call);
    expect(commits.map(({ id }) => id)).toEqual([answer.commit, workspace?.head, commits[2]?.id]);
    const clone = await cloneBundle('undone');
    expect(world.git(clone, ['rev-parse', 'HEAD^{tree}'])).toBe(before);
    expect(world.git(clone, ['log', '-1', '--format=%an <%ae> %cn'])).toBe('Ada <ada@example.org> Sallyport');
  });

  test('refuses a first commit and a foreign one', async () => {
    const call = await world.session();
    await world.api.createWorkspace({ name: 'first-only' }, call);
    await expect(world.api.undoCommit({ workspace: 'first-only' }, call)).rejects.toMatchObject({
      reason: 'workspace.nothing_to_undo',
    });
    const foreign = { workspace: 'first-only', commit: '1'.repeat(40) };
    await expect(world.api.undoCommit(foreign, call)).rejects.toMatchObject({ reason: 'workspace.commit_unknown' });
  });
});

async function cloneBundle(name: string): Promise<string> {
  const call = await world.session();
  const { download } = await world.api.openDownload({ workspace: name, what: { case: 'bundle', value: {} } }, call);
  const file = world.path(`${name}.bundle`);
  writeFileSync(file, await world.download(download, call));
  const directory = world.path(`${name}.clone`);
  execFileSync('git', ['clone', '-q', file, directory], { stdio: 'pipe' });
  return directory;
}

describe('GetDiff', () => {
  test('answers the change of the head', async () => {
    const call = await world.session();
    await world.api.createWorkspace({ name: 'differs', files }, call);
    const { diff, truncated } = await world.api.getDiff({ workspace: 'differs' }, call);
    expect(truncated).toBe(false);
    expect(diff).toContain('+# demo');
  });

  test('cuts a large diff', async () => {
    const call = await world.session();
    const directory = world.repository('large-diff', { 'big.txt': 'line\n'.repeat(200_000) });
    const upload = await world.upload(world.api, call, world.bundle(directory));
    await world.api.importWorkspace({ name: 'large-diff', upload }, call);
    const { diff, truncated } = await world.api.getDiff({ workspace: 'large-diff' }, call);
    expect(truncated).toBe(true);
    expect(diff.length).toBeLessThanOrEqual(512 * 1024);
  });
});

describe('a restart', () => {
  test('keeps workspaces and forgets the plaintext of the cache', async () => {
    const call = await world.session();
    await world.api.createWorkspace({ name: 'lasting', files }, call);
    await world.stopService();
    await world.host();
    expect(
      Buffer.from((await world.api.readFile({ workspace: 'lasting', path: 'README.md' }, call)).data).toString(),
    ).toBe('# demo\n');
  });
});
