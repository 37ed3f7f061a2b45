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
import { MountMode } from '@sallyport/contracts/unit/v1/unit';
import { WorkspaceState } from '@sallyport/contracts/workspace/v1/workspace';
import { accessOf, aWorkspace, Edge } from './edge.ts';
import { WorkspaceWorld } from './workspace-world.ts';

let world: WorkspaceWorld;
let edge: Edge;

beforeAll(async () => {
  world = await WorkspaceWorld.start();
  edge = await Edge.start(world);
});
afterAll(() => world.close());

describe('a rw mount', () => {
  test('commits what changed in the name of the principal', async () => {
    const { name, session, head, dispatch } = await aWorkspace(world);
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
    const { name, head, session, dispatch } = await aWorkspace(world);
    const call = await dispatch();
    const prepared = await edge.prepare(call, name, 'rw');
    utimesSync(join(prepared.target, 'a.txt'), 1, 1);
    mkdirSync(join(prepared.target, 'empty/inside'), { recursive: true });
    expect(await edge.mounts.capture(prepared, accessOf(call))).toEqual({ commit: '', files: 0, refused: {} });
    expect((await world.api.getWorkspace({ name }, session)).workspace?.head).toBe(head);
  });

  test('finds a change that keeps size and modification time', async () => {
    const { name, dispatch } = await aWorkspace(world);
    const call = await dispatch();
    const prepared = await edge.prepare(call, name, 'rw');
    const path = join(prepared.target, 'a.txt');
    const { atime, mtime } = statSync(path);
    writeFileSync(path, 'eno\n');
    utimesSync(path, atime, mtime);
    expect((await edge.mounts.capture(prepared, accessOf(call))).files).toBe(1);
  });

  test('answers the same commit when it is captured again', async () => {
    const { name, dispatch } = await aWorkspace(world);
    const call = await dispatch();
    const prepared = await edge.prepare(call, name, 'rw');
    writeFileSync(join(prepared.target, 'a.txt'), 'again\n');
    const first = await edge.mounts.capture(prepared, accessOf(call));
    expect(await edge.mounts.capture(prepared, accessOf(call))).toEqual(first);
  });

  test('can be captured by another process of the edge from its journalled form', async () => {
    const { name, dispatch } = await aWorkspace(world);
    const call = await dispatch();
    const journalled = JSON.stringify(await edge.prepare(call, name, 'rw'));
    const prepared = JSON.parse(journalled);
    writeFileSync(join(prepared.target, 'new.txt'), 'x');
    const later = await Edge.start(world);
    expect((await later.mounts.capture(prepared, accessOf(call))).files).toBe(1);
  });

  test('is captured though the service restarts meanwhile', async () => {
    const { name, dispatch } = await aWorkspace(world);
    const call = await dispatch();
    const prepared = await edge.prepare(call, name, 'rw');
    writeFileSync(join(prepared.target, 'a.txt'), 'later\n');
    await world.stopService();
    const capture = edge.mounts.capture(prepared, accessOf(call));
    await world.host();
    expect((await capture).files).toBe(1);
  });

  test('carries a file of many megabytes', async () => {
    const { name, session, dispatch } = await aWorkspace(world);
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
    const { name, dispatch } = await aWorkspace(world);
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
    const { name, session, dispatch } = await aWorkspace(world);
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
    const { name, session, dispatch } = await aWorkspace(world);
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
    const { name, session, dispatch } = await aWorkspace(world);
    const call = await dispatch();
    const prepared = await edge.prepare(call, name, 'rw');
    writeFileSync(join(prepared.target, 'suid'), 'x');
    chmodSync(join(prepared.target, 'suid'), 0o6777);
    await edge.mounts.capture(prepared, accessOf(call));
    const { entries } = await world.api.listFiles({ workspace: name }, session);
    expect(entries.find(({ path }) => path === 'suid')?.mode).toBe('100755');
  });
});

test('the edge keeps its cache from everyone else', () => {
  expect(existsSync(world.path('edge/workspaces/acme'))).toBe(true);
  expect(statSync(world.path('edge/workspaces/acme')).mode & 0o077).toBe(0);
});
