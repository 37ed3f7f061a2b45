import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Outcome } from '@sallyport/contracts/audit/v1/audit';
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

describe('the one lease', () => {
  const busy = { code: 'failed_precondition', reason: 'workspace.busy' };

  test('goes to one of two runs that ask at once', async () => {
    const { name, session, dispatch } = await aWorkspace(world);
    const calls = await Promise.all([dispatch('run_1'), dispatch('run_2')]);
    const results = await Promise.allSettled(calls.map((call) => edge.prepare(call, name, 'rw')));
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: busy });
    expect((await world.api.getWorkspace({ name }, session)).workspace?.state).toBe(WorkspaceState.BUSY);
  });

  test('is the same one for the same dispatch', async () => {
    const { name, dispatch } = await aWorkspace(world);
    const call = await dispatch();
    const first = await edge.prepare(call, name, 'rw');
    expect((await edge.prepare(call, name, 'rw')).lease).toBe(first.lease);
  });

  test('moves to a later epoch of the run, and the earlier one can neither commit nor release', async () => {
    const { name, session, dispatch } = await aWorkspace(world);
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
    const { name, session, dispatch } = await aWorkspace(world);
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
    const { name, session, dispatch } = await aWorkspace(world);
    await edge.prepare(await dispatch(), name, 'rw');
    await expect(world.api.undoCommit({ workspace: name }, session)).rejects.toMatchObject(busy);
  });
});

describe('a ro mount', () => {
  test('sees the commit it was prepared with, whatever a writer does', async () => {
    const { name, head, dispatch } = await aWorkspace(world);
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
    const { name, head, dispatch } = await aWorkspace(world);
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
    const { name, dispatch } = await aWorkspace(world);
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
    const { name, head, dispatch } = await aWorkspace(world);
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
    const { name, dispatch } = await aWorkspace(world);
    const asked = world.edge.prepareMount({ mount: { workspace: name, mode } }, await dispatch('run_1', 1, granted));
    await expect(asked).rejects.toMatchObject({ code: 'permission_denied', reason: 'workspace.mount_refused' });
  });

  test('names the only workspaces whose packs it can read', async () => {
    const { name, dispatch } = await aWorkspace(world);
    const other = await aWorkspace(world);
    const call = await dispatch();
    const { packs } = await world.edge.prepareMount({ mount: { workspace: name, mode: MountMode.RO } }, call);
    const foreign = world.edge.readPack({ workspace: other.name, pack: packs[0]?.id ?? '' }, call);
    await expect(foreign).rejects.toMatchObject({ code: 'permission_denied', reason: 'workspace.mount_refused' });
    const unknown = world.edge.readPack({ workspace: name, pack: 'f'.repeat(40) }, call);
    await expect(unknown).rejects.toMatchObject({ code: 'not_found' });
  });

  test('of another org finds nothing under the same names', async () => {
    const { name } = await aWorkspace(world);
    const call = await world.dispatch({ org: 'other' }, { wsp: [{ id: name, mode: 'rw' }] });
    const asked = world.edge.prepareMount({ mount: { workspace: name, mode: MountMode.RW } }, call);
    await expect(asked).rejects.toMatchObject({ code: 'not_found', reason: 'workspace.unknown' });
  });

  test('is needed: neither a session nor a missing or foreign proof will do', async () => {
    const { name, session, dispatch } = await aWorkspace(world);
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
