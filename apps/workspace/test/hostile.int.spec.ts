import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { accessOf, Edge } from './edge.ts';
import { WorkspaceWorld } from './workspace-world.ts';

let world: WorkspaceWorld;

beforeAll(async () => {
  world = await WorkspaceWorld.start({
    SALLY_UPLOAD_BYTES: String(32 * 1024 * 1024),
    SALLY_UPLOAD_OBJECTS: '5000',
    SALLY_OBJECT_BYTES: String(8 * 1024 * 1024),
  });
});
afterAll(() => world.close());

/** Writes an object as an attacker would, whatever git thinks of it. */
const object = (directory: string, type: string, content: string | Buffer): string =>
  world.git(directory, ['hash-object', '-w', '--literally', '-t', type, '--stdin'], content);

function treeBytes(entries: readonly [mode: string, name: string, oid: string][]): Buffer {
  return Buffer.concat(
    entries.flatMap(([mode, name, oid]) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(oid, 'hex')]),
  );
}

/** A commit of a raw tree on the branch of a repository. */
function commitTree(directory: string, entries: readonly [string, string, string][]): void {
  const tree = object(directory, 'tree', treeBytes(entries));
  const commit = world.git(directory, ['commit-tree', tree, '-m', 'hostile']);
  world.git(directory, ['update-ref', 'refs/heads/main', commit]);
}

/** A bundle by hand: git's own command refuses some of what is sent here. */
function rawBundle(directory: string, refs: readonly string[]): Buffer {
  const all = world.git(directory, ['cat-file', '--batch-all-objects', '--batch-check=%(objectname)']);
  return Buffer.concat([
    Buffer.from(`# v2 git bundle\n${refs.map((ref) => `${ref}\n`).join('')}\n`),
    world.gitBytes(directory, ['pack-objects', '--stdout', '-q'], `${all}\n`),
  ]);
}

let imported = 0;

async function tryImport(bytes: Buffer, ref = ''): Promise<unknown> {
  imported += 1;
  const call = await world.session();
  const upload = await world.upload(world.api, call, bytes);
  return await world.api.importWorkspace({ name: `imported-${imported}`, upload, ref }, call);
}

describe('an import of a hostile repository', () => {
  const names: readonly [string, string, string][] = [
    ['.git', '40000', '.git'],
    ['.GIT', '40000', '.GIT'],
    ['git~1', '40000', 'git~1'],
    ['.git with a code point HFS+ drops', '40000', '.g\u200cit'],
    ['.git with a trailing dot', '40000', '.git.'],
    ['.git with a stream', '40000', '.git::$INDEX_ALLOCATION'],
    ['.git behind a backslash', '100644', 'a\\.git\\config'],
    ['..', '40000', '..'],
    ['.', '40000', '.'],
    ['a slash in a name', '100644', 'a/b'],
    ['an empty name', '100644', ''],
  ];
  test.each(names)('refuses %s in a tree', async (what, mode, name) => {
    const directory = world.repository(`names ${what}`.replace(/[^a-z]/gi, '-'), { a: 'a' });
    const blob = object(directory, 'blob', 'x');
    const inner = object(directory, 'tree', treeBytes([['100644', 'config', blob]]));
    commitTree(directory, [[mode, name, mode === '40000' ? inner : blob]]);
    const refused = tryImport(rawBundle(directory, [`${world.git(directory, ['rev-parse', 'main'])} HEAD`]));
    await expect(refused).rejects.toMatchObject({ code: 'invalid_argument', reason: 'workspace.objects_refused' });
  });

  const modules: readonly [string, string][] = [
    ['a url that is an option', '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch /tmp/x\n'],
    ['a path that is an option', '[submodule "x"]\n\tpath = -x\n\turl = https://example.org/x\n'],
    ['a name that climbs', '[submodule "../../x"]\n\tpath = x\n\turl = https://example.org/x\n'],
    ['an update that runs', '[submodule "x"]\n\tpath = x\n\turl = https://example.org/x\n\tupdate = !touch /tmp/x\n'],
    ['a newline in a url', '[submodule "x"]\n\tpath = x\n\turl = "https://example.org/%0ahost=evil/x"\n'],
    ['a carriage return in a path', '[submodule "x"]\n\tpath = "x\r"\n\turl = https://example.org/x\n'],
  ];
  test.each(modules)('refuses .gitmodules with %s', async (what, content) => {
    const directory = world.repository(`modules ${what}`.replaceAll(' ', '-'), { '.gitmodules': content });
    await expect(tryImport(world.bundle(directory))).rejects.toMatchObject({ reason: 'workspace.objects_refused' });
  });

  test('refuses .gitmodules that is a symlink', async () => {
    const directory = world.repository('modules-link', { a: 'a' });
    commitTree(directory, [['120000', '.gitmodules', object(directory, 'blob', '/etc/passwd')]]);
    await expect(tryImport(world.bundle(directory))).rejects.toMatchObject({ reason: 'workspace.objects_refused' });
  });

  test('refuses objects that are not all there', async () => {
    const directory = world.repository('holes', { a: 'a' });
    commitTree(directory, [['100644', 'gone', '1'.repeat(40)]]);
    const head = world.git(directory, ['rev-parse', 'main']);
    await expect(tryImport(rawBundle(directory, [`${head} HEAD`]))).rejects.toMatchObject({
      reason: 'workspace.objects_refused',
    });
  });

  test('refuses an object that is larger than the limit, however small it travels', async () => {
    const directory = world.repository('bomb', { 'zero.bin': '\0'.repeat(9 * 1024 * 1024) });
    const bytes = world.bundle(directory);
    expect(bytes.length).toBeLessThan(100_000);
    await expect(tryImport(bytes)).rejects.toMatchObject({ code: 'resource_exhausted', reason: 'workspace.too_large' });
  });

  /** Ten folders of ten folders, and so on: ten files of one byte become as many as depth says. */
  function unfolding(directory: string, depth: number): string {
    const blob = object(directory, 'blob', 'x');
    const ten = (mode: string, oid: string) =>
      Array.from({ length: 10 }, (_, at): [string, string, string] => [mode, `${at}`, oid]);
    let tree = object(directory, 'tree', treeBytes(ten('100644', blob)));
    for (let level = 1; level < depth; level += 1) tree = object(directory, 'tree', treeBytes(ten('40000', tree)));
    return tree;
  }

  test('refuses a few trees that unfold to ten billion files', async () => {
    const directory = world.repository('unfolds', { a: 'a' });
    commitTree(directory, [['40000', 'd', unfolding(directory, 10)]]);
    const bytes = world.bundle(directory);
    expect(bytes.length).toBeLessThan(10_000);
    await expect(tryImport(bytes)).rejects.toMatchObject({ code: 'resource_exhausted', reason: 'workspace.too_large' });
  });

  test('that was taken for its head does not unfold by an undo', async () => {
    const directory = world.repository('unfolds-later', { a: 'a' });
    commitTree(directory, [['40000', 'd', unfolding(directory, 10)]]);
    const tree = world.git(directory, ['mktree', '--missing'], '');
    const head = world.git(directory, [
      'commit-tree',
      tree,
      '-p',
      world.git(directory, ['rev-parse', 'main']),
      '-m',
      'empty',
    ]);
    world.git(directory, ['update-ref', 'refs/heads/main', head]);
    await tryImport(world.bundle(directory));
    const undone = world.api.undoCommit({ workspace: `imported-${imported}`, commit: head }, await world.session());
    await expect(undone).rejects.toMatchObject({ code: 'resource_exhausted', reason: 'workspace.too_large' });
  });

  test('refuses a pack whose header promises more objects than the limit', async () => {
    const directory = world.repository('count', { a: 'a' });
    const bytes = world.bundle(directory);
    bytes.writeUInt32BE(6000, bytes.indexOf('PACK') + 8);
    await expect(tryImport(bytes)).rejects.toMatchObject({ code: 'resource_exhausted', reason: 'workspace.too_large' });
  });

  test('takes submodules as data and leaves unreachable objects behind', async () => {
    const directory = world.repository('plain-modules', {
      '.gitmodules': '[submodule "x"]\n\tpath = x\n\turl = https://example.org/x\n',
    });
    world.git(directory, ['update-index', '--add', '--cacheinfo', `160000,${'2'.repeat(40)},x`]);
    world.git(directory, ['commit', '-q', '-m', 'submodule']);
    object(directory, 'blob', 'nobody refers to this');
    const answer = await tryImport(rawBundle(directory, [`${world.git(directory, ['rev-parse', 'HEAD'])} HEAD`]));
    expect(answer).toMatchObject({ objects: 5 });
  });
});

describe('a bundle', () => {
  let good: Buffer;
  let head: string;
  beforeAll(() => {
    const directory = world.repository('bundles', { a: 'a' });
    head = world.git(directory, ['rev-parse', 'HEAD']);
    good = world.bundle(directory);
  });
  const pack = (): Buffer => good.subarray(good.indexOf('PACK'));
  const withHeader = (...lines: string[]): Buffer => Buffer.concat([Buffer.from(`${lines.join('\n')}\n\n`), pack()]);

  const headers: readonly [string, () => Buffer, string][] = [
    ['without a signature', () => Buffer.from('hello\n\n'), 'workspace.bundle'],
    ['without a header end', () => Buffer.from('# v2 git bundle\n'), 'workspace.bundle'],
    [
      'that needs commits it does not hold',
      () => withHeader('# v2 git bundle', `-${head} first`, `${head} HEAD`),
      'workspace.bundle',
    ],
    ['that is filtered', () => withHeader('# v3 git bundle', '@filter=blob:none', `${head} HEAD`), 'workspace.bundle'],
    ['with a ref that climbs', () => withHeader('# v2 git bundle', `${head} refs/heads/../../x`), 'workspace.bundle'],
    ['with no ref below refs', () => withHeader('# v2 git bundle', `${head} config`), 'workspace.ref_unknown'],
    ['with an option for a ref', () => withHeader('# v2 git bundle', `${head} --exec`), 'workspace.bundle'],
    [
      'without the ref asked for',
      () => withHeader('# v2 git bundle', `${head} refs/heads/main`),
      'workspace.ref_unknown',
    ],
    ['whose pack is cut', () => good.subarray(0, -5), 'workspace.objects_refused'],
    ['without a pack', () => withHeader('# v2 git bundle', `${head} HEAD`).subarray(0, 60), 'workspace.bundle'],
  ];
  test.each(headers)('%s is refused', async (_what, bytes, reason) => {
    await expect(tryImport(bytes())).rejects.toMatchObject({ code: 'invalid_argument', reason });
  });

  test('gives its branch its name', async () => {
    const directory = world.repository('branches', { a: 'a' });
    world.git(directory, ['branch', '-m', 'main', 'feature/x']);
    expect(await tryImport(world.bundle(directory), 'feature/x')).toMatchObject({
      workspace: { branch: 'feature/x' },
      objects: 3,
    });
  });
});

describe('an upload', () => {
  test('is its owner\u2019s alone, in order, whole and as announced', async () => {
    const call = await world.session();
    const sha256 = 'a'.repeat(64);
    const { upload } = await world.api.beginUpload({ size: 4n, sha256 }, call);
    const other = await world.session({ sub: 'usr_other' });
    await expect(world.api.writeUpload({ upload, offset: 0n, data: Buffer.from('ab') }, other)).rejects.toMatchObject({
      reason: 'workspace.upload_unknown',
    });
    await expect(world.api.writeUpload({ upload, offset: 2n, data: Buffer.from('cd') }, call)).rejects.toMatchObject({
      reason: 'workspace.upload_offset',
    });
    await world.api.writeUpload({ upload, offset: 0n, data: Buffer.from('ab') }, call);
    expect((await world.api.writeUpload({ upload, offset: 0n, data: Buffer.from('ab') }, call)).received).toBe(2n);
    await expect(world.api.importWorkspace({ name: 'early', upload }, call)).rejects.toMatchObject({
      reason: 'workspace.upload_incomplete',
    });
    await expect(world.api.writeUpload({ upload, offset: 2n, data: Buffer.from('cde') }, call)).rejects.toMatchObject({
      reason: 'workspace.too_large',
    });
    await world.api.writeUpload({ upload, offset: 2n, data: Buffer.from('cd') }, call);
    await expect(world.api.importWorkspace({ name: 'early', upload }, call)).rejects.toMatchObject({
      reason: 'workspace.upload_damaged',
    });
    await expect(world.api.importWorkspace({ name: 'early', upload }, call)).rejects.toMatchObject({
      reason: 'workspace.upload_unknown',
    });
  });

  test.each([
    ['larger than the limit', { size: 33n * 1024n * 1024n, sha256: 'a'.repeat(64) }, 'resource_exhausted'],
    ['of nothing', { size: 0n, sha256: 'a'.repeat(64) }, 'resource_exhausted'],
    ['without a hash', { size: 1n, sha256: '' }, 'invalid_argument'],
  ])('%s is refused', async (_what, request, code) => {
    await expect(world.api.beginUpload(request, await world.session())).rejects.toMatchObject({ code });
  });

  test('of a dispatch is for a workspace it may write', async () => {
    const request = { size: 1n, sha256: 'a'.repeat(64), workspace: 'company' };
    const refused = world.edge.beginUpload(request, await world.dispatch());
    await expect(refused).rejects.toMatchObject({ code: 'permission_denied', reason: 'workspace.mount_refused' });
  });
});

/** Adds a file as it is; with these attributes git itself would not. */
function addWithoutFilters(directory: string, path: string, content: string): void {
  world.git(directory, [
    'update-index',
    '--add',
    '--cacheinfo',
    `100644,${object(directory, 'blob', content)},${path}`,
  ]);
  world.git(directory, ['commit', '-q', '-m', path]);
}

describe('what a workspace would have executed', () => {
  test('is executed by no operation of the platform', async () => {
    const marker = world.path('executed');
    const script = world.path('evil.sh');
    writeFileSync(script, `#!/bin/sh\necho "$@" >> ${marker}\ncat\n`);
    chmodSync(script, 0o755);
    const config = [
      `[core]\n\tfsmonitor = ${script}\n\thooksPath = hooks\n\tsshCommand = ${script}\n\tpager = ${script}\n\teditor = ${script}\n\tattributesFile = .gitattributes`,
      `[filter "evil"]\n\tclean = ${script}\n\tsmudge = ${script}\n\tprocess = ${script}\n\trequired = true`,
      `[diff]\n\texternal = ${script}\n[diff "evil"]\n\ttextconv = ${script}\n\tcommand = ${script}`,
      `[merge "evil"]\n\tdriver = ${script}`,
      `[gpg]\n\tprogram = ${script}\n[commit]\n\tgpgSign = true\n[log]\n\tshowSignature = true`,
      `[alias]\n\tls-tree = !${script}\n[credential]\n\thelper = !${script}\n[uploadpack]\n\tpackObjectsHook = ${script}`,
      `[include]\n\tpath = ${world.path('more.config')}`,
    ].join('\n');
    const attributes =
      '* filter=evil diff=evil merge=evil text eol=crlf ident working-tree-encoding=UTF-16\n[attr]binary filter=evil\n';
    const hooks = Object.fromEntries(
      ['pre-commit', 'post-checkout', 'post-index-change', 'reference-transaction'].map((hook) => [
        `hooks/${hook}`,
        `#!/bin/sh\ntouch ${marker}\n`,
      ]),
    );
    const directory = world.repository('evil', {
      '.gitconfig': config,
      'a.txt': '$Id$\r\none\n',
      ...hooks,
    });
    addWithoutFilters(directory, '.gitattributes', attributes);
    const call = await world.session();
    const upload = await world.upload(world.api, call, world.bundle(directory));
    await world.api.importWorkspace({ name: 'evil', upload }, call);

    const edge = await Edge.start(world);
    const dispatch = await world.dispatch({}, { wsp: [{ id: 'evil', mode: 'rw' }] });
    const prepared = await edge.prepare(dispatch, 'evil', 'rw');
    const at = (path: string): string => join(prepared.target, path);
    expect(readFileSync(at('a.txt'), 'utf8')).toBe('$Id$\r\none\n');
    // What an agent could leave behind: a repository of its own, with everything switched on.
    execFileSync('git', ['init', '-q', prepared.target], { stdio: 'pipe' });
    writeFileSync(at('.git/config'), config);
    mkdirSync(at('.git/hooks'), { recursive: true });
    for (const hook of Object.keys(hooks))
      writeFileSync(at(`.git/${hook}`), `#!/bin/sh\ntouch ${marker}\n`, { mode: 0o755 });
    writeFileSync(at('HEAD'), 'ref: refs/heads/main\n');
    writeFileSync(at('config'), config);
    writeFileSync(at('a.txt'), 'two\r\n');
    const { commit, refused } = await edge.mounts.capture(prepared, accessOf(dispatch));
    expect(refused).toEqual({ '.git': 'git_dir' });
    await edge.mounts.release(prepared, accessOf(dispatch));

    await world.api.listFiles({ workspace: 'evil', recursive: true }, call);
    expect(Buffer.from((await world.api.readFile({ workspace: 'evil', path: 'a.txt' }, call)).data).toString()).toBe(
      'two\r\n',
    );
    await world.api.listCommits({ workspace: 'evil' }, call);
    expect((await world.api.getDiff({ workspace: 'evil' }, call)).diff).toContain('+two');
    const bundle = await world.api.openDownload({ workspace: 'evil', what: { case: 'bundle', value: {} } }, call);
    expect((await world.download(bundle.download, call)).length).toBeGreaterThan(0);
    const refs = await world.api.openDownload(
      { workspace: 'evil', what: { case: 'advertiseRefs', value: { protocol: '' } } },
      call,
    );
    expect((await world.download(refs.download, call)).toString()).toContain(commit);
    await world.api.undoCommit({ workspace: 'evil' }, call);
    expect(existsSync(marker)).toBe(false);
    // The trap is a live one: git as a person runs it in that folder does step into it.
    world.git(prepared.target, ['-c', 'safe.directory=*', 'status']);
    expect(existsSync(marker)).toBe(true);
  });
});
