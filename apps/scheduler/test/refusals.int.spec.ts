import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ScheduleService } from '@sallyport/contracts/schedule/v1/schedule';
import { Dialect, MountMode } from '@sallyport/contracts/unit/v1/unit';
import { callers } from '@sallyport/core/access';
import { Fault } from '@sallyport/core/fault';
import { patientClient } from '@sallyport/testkit/patient-client';
import { scheduleAccess } from '../src/access.ts';
import { aProvider, aRole, aTask, until, type World, world } from './world.ts';

let w: World;

beforeAll(async () => {
  w = await world();
  w.runtime.onStart = (id) => w.runtime.runThrough(id);
  await w.runtime.register();
  await w.api.applyRole({ role: aRole }, await w.as());
});

afterAll(() => w.close());

const ask = { role: 'writer', start: aTask() };

describe('the access table', () => {
  const methods = Object.keys(scheduleAccess) as (keyof typeof scheduleAccess)[];
  const outsiders = methods.flatMap((method) =>
    callers
      .filter((caller) => caller !== 'scheduler' && !scheduleAccess[method].callers.includes(caller))
      .map((caller) => [method, caller] as const),
  );

  test('lets no other service call', async () => {
    for (const caller of callers) {
      if (caller === 'scheduler') continue;
      const client = patientClient(await w.bus.connect(caller), 'scheduler', ScheduleService);
      for (const [method] of outsiders.filter(([, each]) => each === caller)) {
        await expect(client[method]({})).rejects.toMatchObject({ code: 'permission_denied', reason: 'bus.caller' });
      }
    }
  });

  test('asks for a token of the right class, audience and scope', async () => {
    await expect(w.api.getRun({ id: 'run_1' })).rejects.toMatchObject({
      code: 'unauthenticated',
      reason: 'token.missing',
    });
    await expect(w.api.getRun({ id: 'run_1' }, { token: 'a.b.c' })).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(w.api.getRun({ id: 'run_1' }, { token: await w.issuer.session('workspace') })).rejects.toMatchObject({
      reason: 'token.aud',
    });
    await expect(w.api.createRun(ask, await w.as({ scope: ['run:read'] }))).rejects.toMatchObject({
      code: 'permission_denied',
      reason: 'token.scope',
    });
    const { token } = await w.issuer.dispatch();
    await expect(w.api.getRun({ id: 'run_1' }, { token })).rejects.toMatchObject({ code: 'unauthenticated' });
  });
});

describe('an idempotency key', () => {
  test('asked for 50 times at once is one run, started once', async () => {
    const before = w.runtime.starts.length;
    const options = await w.as();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => w.api.createRun({ ...ask, idempotencyKey: 'race' }, options)),
    );
    expect(new Set(answers.map(({ run }) => run?.id)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    await until(() => w.runtime.starts.length > before);
    // Launches that identity authorised for the losers are closed again.
    const losers = w.identity.launches.size - 1;
    await until(() => [...w.identity.launches.keys()].filter((run) => w.identity.ended.includes(run)).length >= losers);
    expect(w.runtime.starts).toHaveLength(before + 1);
  });

  test('answers the same run for the same content and refuses other content', async () => {
    const first = await w.api.createRun({ ...ask, idempotencyKey: 'same' }, await w.as());
    const again = await w.api.createRun({ ...ask, idempotencyKey: 'same' }, await w.as());
    expect([again.run?.id, again.replayed]).toEqual([first.run?.id, true]);
    await expect(
      w.api.createRun({ ...ask, start: aTask('other'), idempotencyKey: 'same' }, await w.as()),
    ).rejects.toMatchObject({
      code: 'already_exists',
      reason: 'scheduler.idempotency_mismatch',
      detail: { run: first.run?.id },
    });
  });

  test('is each principal’s and each org’s own', async () => {
    const mine = await w.api.createRun({ ...ask, idempotencyKey: 'mine' }, await w.as());
    const theirs = await w.api.createRun({ ...ask, idempotencyKey: 'mine' }, await w.as({ sub: 'usr_other' }));
    expect(theirs.replayed).toBe(false);
    expect(theirs.run?.id).not.toBe(mine.run?.id);
  });
});

describe('accepting a run', () => {
  const refused: readonly [string, Parameters<World['api']['createRun']>[0], string, string][] = [
    ['neither role nor runner', { start: aTask() }, 'invalid_argument', 'scheduler.role_or_runner'],
    ['an unknown role', { role: 'nobody', start: aTask() }, 'not_found', 'scheduler.role_not_found'],
    ['an unknown runner', { runner: 'cobol', start: aTask() }, 'invalid_argument', 'scheduler.runner_unknown'],
    [
      'an unknown mount mode',
      { ...ask, mounts: [{ workspace: 'demo', mode: 7 as MountMode }] },
      'invalid_argument',
      'scheduler.mount_invalid',
    ],
    [
      'two mounts of one workspace',
      { ...ask, mounts: [{ workspace: 'company', mode: MountMode.RW }] },
      'invalid_argument',
      'scheduler.mount_twice',
    ],
    [
      'a task of 257 KiB',
      { role: 'writer', start: aTask('x'.repeat(257 * 1024)) },
      'invalid_argument',
      'scheduler.task_too_large',
    ],
    ['no task', { role: 'writer' }, 'invalid_argument', 'scheduler.start_missing'],
    ['a bare native runner', { runner: 'native', start: aTask() }, 'invalid_argument', 'scheduler.provider_missing'],
  ];
  test.each(refused)('refuses %s', async (_what, request, code, reason) => {
    await expect(w.api.createRun(request, await w.as())).rejects.toMatchObject({ code, reason });
  });

  test('passes identity’s refusal on and keeps nothing', async () => {
    const count = async () => (await w.api.listRuns({ pageSize: 200 }, await w.as())).runs.length;
    const before = await count();
    w.identity.refuseLaunch = new Fault('permission_denied', 'identity.principal_disabled', 'disabled');
    await expect(w.api.createRun(ask, await w.as())).rejects.toMatchObject({
      code: 'permission_denied',
      reason: 'identity.principal_disabled',
    });
    w.identity.refuseLaunch = undefined;
    expect(await count()).toBe(before);
  });
});

describe('what belongs to another org or environment', () => {
  test('is not found, whatever is asked of it', async () => {
    const { run } = await w.api.createRun(ask, await w.as());
    const id = run?.id ?? '';
    for (const options of [await w.as({ org: 'globex' }), await w.as({ env: 'other' })]) {
      const gone = { code: 'not_found', reason: 'scheduler.run_not_found' };
      await expect(w.api.getRun({ id }, options)).rejects.toMatchObject(gone);
      await expect(w.api.cancelRun({ id }, options)).rejects.toMatchObject(gone);
      await expect(w.api.listOutput({ run: id }, options)).rejects.toMatchObject(gone);
      await expect(w.api.getRole({ name: 'writer' }, options)).rejects.toMatchObject({
        code: 'not_found',
        reason: 'scheduler.role_not_found',
      });
      await expect(w.api.createRun(ask, options)).rejects.toMatchObject({
        code: 'not_found',
        reason: 'scheduler.role_not_found',
      });
      expect((await w.api.listRuns({}, options)).runs).toEqual([]);
      expect((await w.api.listRoles({}, options)).roles).toEqual([]);
    }
  });

  test('stays hidden from a query that forgets to ask for its own org', async () => {
    const tables = [
      'role',
      'run',
      'task',
      'dispatch',
      'run_event',
      'outbox',
      'idempotency',
      'output_event',
      'afterwork',
    ];
    await w.api.createRun({ ...ask, idempotencyKey: 'hidden' }, await w.as());
    for (const table of tables) {
      expect(await w.database.store.tx('initech', (db) => db.query(`SELECT 1 FROM ${table}`))).toEqual([]);
    }
    expect(
      await w.database.store.tx('initech', (db) => db.query("UPDATE run SET message = 'mine' RETURNING id")),
    ).toEqual([]);
    expect((await w.database.store.tx('acme', (db) => db.query('SELECT * FROM run'))).length).toBeGreaterThan(0);
    await expect(
      w.database.store.tx('initech', (db) =>
        db.query("INSERT INTO afterwork (id, org, run, kind, due_at, tries) VALUES ('x', 'acme', 'r', 'k', 0, 0)"),
      ),
    ).rejects.toMatchObject({ code: '42501' });
  });
});

describe('roles', () => {
  test('are versioned, and an outdated apply is refused', async () => {
    const role = { ...aRole, name: 'versioned' };
    const first = await w.api.applyRole({ role }, await w.as());
    expect(first.role?.version).toBe(1n);
    const second = await w.api.applyRole({ role: { ...role, persona: 'curt' }, ifVersion: 1n }, await w.as());
    expect(second.role).toMatchObject({ version: 2n, persona: 'curt' });
    await expect(w.api.applyRole({ role, ifVersion: 1n }, await w.as())).rejects.toMatchObject({
      code: 'failed_precondition',
      reason: 'scheduler.role_changed',
      detail: { version: '2' },
    });
    await expect(w.api.applyRole({}, await w.as())).rejects.toMatchObject({ reason: 'scheduler.role_missing' });
    await expect(
      w.api.applyRole({ role: { ...role, provider: { ...aProvider, baseUrl: 'ftp://x' } } }, await w.as()),
    ).rejects.toMatchObject({ reason: 'scheduler.provider_invalid' });
    expect((await w.api.listRoles({}, await w.as())).roles.map(({ name }) => name)).toEqual(['versioned', 'writer']);
    expect((await w.api.getRole({ name: 'versioned' }, await w.as())).role?.provider?.dialect).toBe(
      Dialect.ANTHROPIC_MESSAGES,
    );
  });
});

describe('edges', () => {
  const refused: readonly [string, Parameters<World['runtime']['scheduler']['registerEdge']>[0], string][] = [
    ['a malformed name', { edge: 'a.b', runners: ['exec'], profiles: ['default'], capacity: 1 }, '/edge'],
    ['no runner', { edge: 'e', runners: [], profiles: ['default'], capacity: 1 }, '/runners'],
    ['no profile', { edge: 'e', runners: ['exec'], profiles: [], capacity: 1 }, '/profiles'],
    ['no capacity', { edge: 'e', runners: ['exec'], profiles: ['default'], capacity: 0 }, '/capacity'],
  ];
  test.each(refused)('are refused with %s', async (_what, request, pointer) => {
    await expect(w.runtime.scheduler.registerEdge(request)).rejects.toMatchObject({
      code: 'invalid_argument',
      reason: 'scheduler.edge_invalid',
      detail: { pointer },
    });
  });
});

test('runs are listed newest first, page by page, by state and role', async () => {
  const options = await w.as({ env: 'paged' });
  await w.api.applyRole({ role: aRole }, options);
  const ids: string[] = [];
  for (let index = 0; index < 5; index++) ids.push((await w.api.createRun(ask, options)).run?.id ?? '');
  const first = await w.api.listRuns({ pageSize: 3 }, options);
  const second = await w.api.listRuns({ pageSize: 3, pageToken: first.nextPageToken }, options);
  expect([...first.runs, ...second.runs].map(({ id }) => id)).toEqual(ids.toReversed());
  expect(second.nextPageToken).toBe('');
  expect((await w.api.listRuns({ role: 'nobody' }, options)).runs).toEqual([]);
  await expect(w.api.listRuns({ pageToken: "'; DROP TABLE run" }, options)).rejects.toMatchObject({
    reason: 'scheduler.page_invalid',
  });
  await expect(w.api.listRuns({ pageSize: 201 }, options)).rejects.toMatchObject({ reason: 'scheduler.page_invalid' });
});
