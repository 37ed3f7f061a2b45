import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Outcome } from '@sallyport/contracts/audit/v1/audit';
import { MountMode } from '@sallyport/contracts/unit/v1/unit';
import { WorkspaceState } from '@sallyport/contracts/workspace/v1/workspace';
import type { DispatchClaims } from '@sallyport/core/claims';
import { accessOf, Edge } from './edge.ts';
import { WorkspaceWorld } from './workspace-world.ts';

let world: WorkspaceWorld;
let edge: Edge;

beforeAll(async () => {
  world = await WorkspaceWorld.start();
  edge = await Edge.start(world);
});
afterAll(() => world.close());

let made = 0;

/** A workspace of its own per test, with a dispatch that may write it. */
async function aWorkspace(
  files: Record<string, string> = { 'a.txt': 'one\n', 'src/b.txt': 'two\n', 'src/deep/c.txt': 'three\n' },
) {
  made += 1;
  const name = `ws-${made}`;
  const session = await world.session();
  const content = Object.fromEntries(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]));
  const { workspace } = await world.api.createWorkspace({ name, files: content }, session);
  const dispatch = (run = 'run_1', epoch = 1, mode: 'ro' | 'rw' = 'rw', id = `dsp_${run}_${epoch}`) => {
    const tctx = { wsp: [{ id: name, mode }], lease: { edge: 'local', epoch }, dsp: { id, h: '0'.repeat(64) } };
    return world.dispatch({ txn: run }, tctx satisfies Partial<DispatchClaims['tctx']>);
  };
  return { name, session, head: workspace?.head ?? '', dispatch };
}

describe('a rw mount', () => {
  test('commits what changed in the name of the principal', async () => {
    const { name, session, head, dispatch } = await aWorkspace();
    const call = await dispatch();
    const prepared = await edge.prepare(call, name, 'rw');
    const at = (path: string): string => join(prepared.target, path);
    expect(readFileSync(at('src/b.txt'), 'utf8')).toBe('two\n');
    writeFileSync(at('a.txt'), 'ONE\n');
    writeFileSync(at('tool.sh'), '#!/bin/sh\n', { mode: 0o755 });
    symlinkSync('/etc/passwd', at('link'));
    rmSync(at('src/deep'), { recursive: true });
    mkdirSync(at('empty'));
    const capture = await edge.mounts.capture(prepared, accessOf(call));
    expect(capture).toMatchObject({ files: 4, refused: {} });
    await edge.mounts.release(prepared, accessOf(call));
    const { commits } = await world.api.listCommits({ workspace: name }, session);
    expect(commits).toMatchObject([
      {
        id: capture.commit,
        parents: [head],
        authorName: 'Ada',
        authorEmail: 'ada@example.org',
        committerName: 'Sallyport',
        message: 'run run_1: demo\n\nSally-Run: run_1\nSally-Dispatch: dsp_run_1_1\nSally-Subject: usr_test\n',
      },
      { id: head },
    ]);
    const { entries } = await world.api.listFiles({ workspace: name, recursive: true }, session);
    expect(entries.map(({ path, mode }) => `${mode} ${path}`)).toEqual([
      '100644 a.txt',
      '120000 link',
      '100644 src/b.txt',
      '100755 tool.sh',
    ]);
    const link = await world.api.readFile({ workspace: name, path: 'link' }, session);
    expect(Buffer.from(link.data).toString()).toBe('/etc/passwd');
    const { workspace } = await world.api.getWorkspace({ name }, session);
    expect(workspace).toMatchObject({ state: WorkspaceState.IDLE, holder: '', head: capture.commit });
  });

  test('of an unchanged tree makes no commit', async () => {
    const { name, head, session, dispatch } = await aWorkspace();
    const call = await dispatch();
    const prepared = await edge.prepare(call, name, 'rw');
    utimesSync(join(prepared.target, 'a.txt'), 1, 1);
    mkdirSync(join(prepared.target, 'empty/inside'), { recursive: true });
    expect(await edge.mounts.capture(prepared, accessOf(call))).toEqual({ commit: '', files: 0, refused: {} });
    expect((await world.api.getWorkspace({ name }, session)).workspace?.head).toBe(head);
  });

  test('finds a change that keeps size and modification time', async () => {
    const { name, dispatch } = await aWorkspace();
    const call = await dispatch();
    const prepared = await edge.prepare(call, name, 'rw');
    const path = join(prepared.target, 'a.txt');
    const { atime, mtime } = statSync(path);
    writeFileSync(path, 'eno\n');
    utimesSync(path, atime, mtime);
    expect((await edge.mounts.capture(prepared, accessOf(call))).files).toBe(1);
  });

  test('answers the same commit when it is captured again', async () => {
    const { name, dispatch } = await aWorkspace();
    const call = await dispatch();
    const prepared = await edge.prepare(call, name, 'rw');
    writeFileSync(join(prepared.target, 'a.txt'), 'again\n');
    const first = await edge.mounts.capture(prepared, accessOf(call));
    expect(await edge.mounts.capture(prepared, accessOf(call))).toEqual(first);
  });

  test('can be captured by another process of the edge from its journalled form', async () => {
    const { name, dispatch } = await aWorkspace();
    const call = await dispatch();
    const journalled = JSON.stringify(await edge.prepare(call, name, 'rw'));
    const prepared = JSON.parse(journalled);
    writeFileSync(join(prepared.target, 'new.txt'), 'x');
    const later = await Edge.start(world);
    expect((await later.mounts.capture(prepared, accessOf(call))).files).toBe(1);
  });

  test('is captured though the service restarts meanwhile', async () => {
    const { name, dispatch } = await aWorkspace();
    const call = await dispatch();
    const prepared = await edge.prepare(call, name, 'rw');
    writeFileSync(join(prepared.target, 'a.txt'), 'later\n');
    await world.stopService();
    const capture = edge.mounts.capture(prepared, accessOf(call));
    await world.host();
    expect((await capture).files).toBe(1);
  });

  test('carries a file of many megabytes', async () => {
    const { name, session, dispatch } = await aWorkspace();
    const call = await dispatch();
    const prepared = await edge.prepare(call, name, 'rw');
    const bytes = Buffer.alloc(9 * 1024 * 1024, 'sallyport');
    writeFileSync(join(prepared.target, 'large.bin'), bytes);
    expect((await edge.mounts.capture(prepared, accessOf(call))).files).toBe(1);
    const { entry, truncated } = await world.api.readFile({ workspace: name, path: 'large.bin' }, session);
    expect(entry?.size).toBe(BigInt(bytes.length));
    expect(truncated).toBe(true);
    await edge.mounts.release(prepared, accessOf(call));
    const again = await (await Edge.start(world, 'second-edge')).prepare(await dispatch('run_2'), name, 'ro');
    expect(readFileSync(join(again.target, 'large.bin')).equals(bytes)).toBe(true);
  });

  test('belongs to the sandbox user when there is one, and is still recognised as unchanged', async () => {
    const { name, dispatch } = await aWorkspace();
    const call = await dispatch();
    const target = world.path(`owned-${name}`);
    mkdirSync(target);
    const mount = { $typeName: 'unit.v1.Mount', workspace: name, mode: MountMode.RW } as const;
    // Only root can give files away; anyone else gives them to themselves.
    const uid = process.getuid?.() === 0 ? 4242 : (process.getuid?.() ?? 0);
    const prepared = await edge.mounts.prepare({ access: accessOf(call), org: 'acme', mount, target, uid });
    expect([statSync(target).uid, statSync(join(target, 'src')).uid, statSync(join(target, 'src/b.txt')).uid]).toEqual([
      uid,
      uid,
      uid,
    ]);
    expect((await edge.mounts.capture(prepared, accessOf(call))).commit).toBe('');
  });
});

describe('what must not be stored', () => {
  test('is left out and named, and the rest is committed', async () => {
    const { name, session, dispatch } = await aWorkspace();
    const call = await dispatch();
    const prepared = await edge.prepare(call, name, 'rw');
    const at = (path: string): string => join(prepared.target, path);
    const outside = world.path('outside');
    writeFileSync(outside, 'a secret of the host');
    execFileSync('mkfifo', [at('pipe')]);
    linkSync(outside, at('hard'));
    writeFileSync(at('inner'), 'both names are here');
    linkSync(at('inner'), at('inner-2'));
    for (const path of ['.git', 'src/.GIT', 'src/git~1', 'src/.g\u200cit', 'src/.git . ']) {
      mkdirSync(at(path));
      writeFileSync(at(`${path}/config`), '[core]\n\tfsmonitor = touch /tmp/owned\n');
    }
    writeFileSync(at('Readme'), 'r');
    writeFileSync(at('README'), 'R');
    symlinkSync('/etc/passwd', at('.gitmodules'));
    mkdirSync(at('sub'));
    writeFileSync(at('sub/.gitmodules'), '[submodule "x"]\n\tpath = x\n\turl = -u./payload\n');
    writeFileSync(at('sub/.gitattributes'), `${'a'.repeat(3000)} text\n`);
    writeFileSync(at('kept.txt'), 'kept');
    const { refused, files } = await edge.mounts.capture(prepared, accessOf(call));
    expect(refused).toEqual({
      pipe: 'special_file',
      hard: 'outside_hardlink',
      '.git': 'git_dir',
      'src/.GIT': 'git_dir',
      'src/git~1': 'git_dir',
      'src/.g\u200cit': 'git_dir',
      'src/.git . ': 'git_dir',
      Readme: 'case_fold',
      '.gitmodules': 'symlinked_git_file',
      'sub/.gitmodules': 'unsafe_git_file',
      'sub/.gitattributes': 'unsafe_git_file',
    });
    expect(files).toBe(4);
    const { entries } = await world.api.listFiles({ workspace: name }, session);
    expect(entries.map(({ path }) => path)).toEqual(['README', 'a.txt', 'inner', 'inner-2', 'kept.txt', 'src']);
  });

  test('is never followed: a folder turned into a symlink is stored as its text', async () => {
    const { name, session, dispatch } = await aWorkspace();
    const call = await dispatch();
    const prepared = await edge.prepare(call, name, 'rw');
    rmSync(join(prepared.target, 'src'), { recursive: true });
    symlinkSync('/proc/1/root', join(prepared.target, 'src'));
    expect((await edge.mounts.capture(prepared, accessOf(call))).refused).toEqual({});
    const { entries } = await world.api.listFiles({ workspace: name }, session);
    expect(entries.map(({ path, mode }) => `${mode} ${path}`)).toEqual(['100644 a.txt', '120000 src']);
    await edge.mounts.release(prepared, accessOf(call));
    const again = await edge.prepare(await dispatch('run_2'), name, 'ro');
    expect(readlinkSync(join(again.target, 'src'))).toBe('/proc/1/root');
    expect(lstatSync(join(again.target, 'src')).isSymbolicLink()).toBe(true);
  });

  test('does not include special modes: setuid and world-writable become plain', async () => {
    const { name, session, dispatch } = await aWorkspace();
    const call = await dispatch();
    const prepared = await edge.prepare(call, name, 'rw');
    writeFileSync(join(prepared.target, 'suid'), 'x');
    chmodSync(join(prepared.target, 'suid'), 0o6777);
    await edge.mounts.capture(prepared, accessOf(call));
    const { entries } = await world.api.listFiles({ workspace: name }, session);
    expect(entries.find(({ path }) => path === 'suid')?.mode).toBe('100755');
  });
});

describe('the one lease', () => {
  const busy = { code: 'failed_precondition', reason: 'workspace.busy' };

  test('goes to one of two runs that ask at once', async () => {
    const { name, session, dispatch } = await aWorkspace();
    const calls = await Promise.all([dispatch('run_1'), dispatch('run_2')]);
    const results = await Promise.allSettled(calls.map((call) => edge.prepare(call, name, 'rw')));
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: busy });
    expect((await world.api.getWorkspace({ name }, session)).workspace?.state).toBe(WorkspaceState.BUSY);
  });

  test('is the same one for the same dispatch', async () => {
    const { name, dispatch } = await aWorkspace();
    const call = await dispatch();
    const first = await edge.prepare(call, name, 'rw');
    expect((await edge.prepare(call, name, 'rw')).lease).toBe(first.lease);
  });

  test('moves to a later epoch of the run, and the earlier one can neither commit nor release', async () => {
    const { name, session, dispatch } = await aWorkspace();
    const [old, later] = [await dispatch('run_1', 1), await dispatch('run_1', 2)];
    const fenced = await edge.prepare(old, name, 'rw');
    const current = await edge.prepare(later, name, 'rw');
    expect(current.lease).not.toBe(fenced.lease);
    writeFileSync(join(fenced.target, 'a.txt'), 'late\n');
    const lost = { code: 'failed_precondition', reason: 'workspace.lease_lost' };
    await expect(edge.mounts.capture(fenced, accessOf(old))).rejects.toMatchObject(lost);
    await edge.mounts.release(fenced, accessOf(old));
    expect((await world.api.getWorkspace({ name }, session)).workspace?.holder).toBe('run_1');
    await expect(edge.prepare(old, name, 'rw')).rejects.toMatchObject(busy);
  });

  test('ends with the run, and a late commit is refused', async () => {
    const { name, session, dispatch } = await aWorkspace();
    const call = await dispatch();
    const prepared = await edge.prepare(call, name, 'rw');
    await world.as('scheduler').releaseRun({ org: 'acme', run: 'run_1' });
    expect((await world.api.getWorkspace({ name }, session)).workspace).toMatchObject({
      state: WorkspaceState.IDLE,
      holder: '',
    });
    writeFileSync(join(prepared.target, 'a.txt'), 'late\n');
    await expect(edge.mounts.capture(prepared, accessOf(call))).rejects.toMatchObject({
      reason: 'workspace.lease_lost',
    });
  });

  test('keeps people from undoing meanwhile', async () => {
    const { name, session, dispatch } = await aWorkspace();
    await edge.prepare(await dispatch(), name, 'rw');
    await expect(world.api.undoCommit({ workspace: name }, session)).rejects.toMatchObject(busy);
  });
});

describe('a ro mount', () => {
  test('sees the commit it was prepared with, whatever a writer does', async () => {
    const { name, head, dispatch } = await aWorkspace();
    const writer = await dispatch('run_1');
    const prepared = await edge.prepare(writer, name, 'rw');
    const reader = await edge.prepare(await dispatch('run_2', 1, 'ro'), name, 'ro');
    expect(reader).toMatchObject({ commit: head, lease: '', index: '' });
    writeFileSync(join(prepared.target, 'a.txt'), 'changed\n');
    const { commit } = await edge.mounts.capture(prepared, accessOf(writer));
    expect(readFileSync(join(reader.target, 'a.txt'), 'utf8')).toBe('one\n');
    const later = await edge.prepare(await dispatch('run_3', 1, 'ro'), name, 'ro');
    expect(later.commit).toBe(commit);
    expect(readFileSync(join(later.target, 'a.txt'), 'utf8')).toBe('changed\n');
  });
});

describe('the audit log', () => {
  test('has a mount before anything is handed out', async () => {
    const { name, head, dispatch } = await aWorkspace();
    const prepared = await edge.prepare(await dispatch(), name, 'rw');
    const [event] = world.audit.events.slice(-1);
    expect(event).toMatchObject({
      kind: 'workspace.mount',
      run: 'run_1',
      dispatch: 'dsp_run_1_1',
      resource: `workspace/${name}`,
      subject: 'usr_test',
    });
    expect(event?.facts).toEqual({ mode: 'rw', commit: head, epoch: '1', lease: prepared.lease });
  });

  test('that cannot record stops the mount, which works when it is back', async () => {
    const { name, dispatch } = await aWorkspace();
    const call = await dispatch();
    const request = { mount: { workspace: name, mode: MountMode.RW } };
    world.audit.down = true;
    try {
      await expect(world.edge.prepareMount(request, call)).rejects.toMatchObject({
        code: 'unavailable',
        reason: 'audit.unavailable',
      });
    } finally {
      world.audit.down = false;
    }
    expect((await edge.prepare(call, name, 'rw')).lease).not.toBe('');
  });

  test('has the commit with its tree, and each refusal once', async () => {
    const { name, head, dispatch } = await aWorkspace();
    const call = await dispatch();
    const prepared = await edge.prepare(call, name, 'rw');
    writeFileSync(join(prepared.target, 'a.txt'), 'x');
    const before = (await world.events()).length;
    const { commit } = await edge.mounts.capture(prepared, accessOf(call));
    await edge.prepare(await dispatch('run_2'), name, 'rw').catch(() => undefined);
    const added = (await world.events()).slice(before);
    expect(added.map(({ kind, outcome, reason, run }) => ({ kind, outcome, reason, run }))).toEqual([
      { kind: 'workspace.commit', outcome: Outcome.ALLOW, reason: '', run: 'run_1' },
      { kind: 'workspace.denied', outcome: Outcome.DENY, reason: 'workspace.busy', run: 'run_2' },
    ]);
    expect(added[0]?.facts).toMatchObject({ commit, parent: head, files: '1', lease: prepared.lease });
  });
});

describe('the dispatch token', () => {
  test.each([
    ['asks rw with a ro grant', 'ro', MountMode.RW],
    ['asks without a mode', 'rw', MountMode.UNSPECIFIED],
  ] as const)('that %s is refused', async (_what, granted, mode) => {
    const { name, dispatch } = await aWorkspace();
    const asked = world.edge.prepareMount({ mount: { workspace: name, mode } }, await dispatch('run_1', 1, granted));
    await expect(asked).rejects.toMatchObject({ code: 'permission_denied', reason: 'workspace.mount_refused' });
  });

  test('names the only workspaces whose packs it can read', async () => {
    const { name, dispatch } = await aWorkspace();
    const other = await aWorkspace();
    const call = await dispatch();
    const { packs } = await world.edge.prepareMount({ mount: { workspace: name, mode: MountMode.RO } }, call);
    const foreign = world.edge.readPack({ workspace: other.name, pack: packs[0]?.id ?? '' }, call);
    await expect(foreign).rejects.toMatchObject({ code: 'permission_denied', reason: 'workspace.mount_refused' });
    const unknown = world.edge.readPack({ workspace: name, pack: 'f'.repeat(40) }, call);
    await expect(unknown).rejects.toMatchObject({ code: 'not_found' });
  });

  test('of another org finds nothing under the same names', async () => {
    const { name } = await aWorkspace();
    const call = await world.dispatch({ org: 'other' }, { wsp: [{ id: name, mode: 'rw' }] });
    const asked = world.edge.prepareMount({ mount: { workspace: name, mode: MountMode.RW } }, call);
    await expect(asked).rejects.toMatchObject({ code: 'not_found', reason: 'workspace.unknown' });
  });

  test('is needed: neither a session nor a missing or foreign proof will do', async () => {
    const { name, session, dispatch } = await aWorkspace();
    const request = { mount: { workspace: name, mode: MountMode.RO } };
    const own = await dispatch();
    const foreign = await dispatch();
    await expect(world.edge.prepareMount(request, session)).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(world.edge.prepareMount(request, {})).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(world.edge.prepareMount(request, { token: own.token })).rejects.toMatchObject({
      code: 'unauthenticated',
    });
    await expect(world.edge.prepareMount(request, { token: own.token, prove: foreign.prove })).rejects.toMatchObject({
      code: 'unauthenticated',
    });
  });
});

test('the edge keeps its cache from everyone else', () => {
  expect(existsSync(world.path('edge/workspaces/acme'))).toBe(true);
  expect(statSync(world.path('edge/workspaces/acme')).mode & 0o077).toBe(0);
});
