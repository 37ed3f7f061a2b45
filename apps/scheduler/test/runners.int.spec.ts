import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { Dialect } from '@sallyport/contracts/unit/v1/unit';
import { aProvider, aRole, aTask, inState, until, untilRun, type World, world } from './world.ts';

let w: World;

const remedy = 'npm install --prefix /x @anthropic-ai/claude-code@1';
const lacking = {
  runner: 'claude-code',
  backend: 'process',
  version: '',
  features: ['resume'],
  missing: ['@anthropic-ai/claude-code@1'],
  remedy,
};
const role = { ...aRole, name: 'claude', runner: 'claude-code' };
const ask = { role: 'claude', start: aTask() };

/** The edge as it describes itself from now on. */
const register = (runners: readonly string[], runnerDescriptions: object[]): Promise<void> =>
  w.runtime.register(4, { runners: [...runners], profiles: ['default', 'coding'], runnerDescriptions });

beforeAll(async () => {
  w = await world();
  w.runtime.onStart = (id) => w.runtime.runThrough(id);
  await w.api.applyRole({ role }, await w.as());
});

afterAll(() => w.close());

describe('a coding agent', () => {
  test('waits like any other run while no edge is heard', async () => {
    const { run } = await w.api.createRun(ask, await w.as());
    expect((await untilRun(w, run?.id ?? '', (each) => each.reason === 'no_edge')).state).toBe(RunState.QUEUED);
    await w.api.cancelRun({ id: run?.id ?? '' }, await w.as());
  });

  test('that every edge lacks is refused with the one command that installs it, and the refusal is on record', async () => {
    await register(['native', 'exec'], [lacking]);
    await expect(w.api.createRun(ask, await w.as())).rejects.toMatchObject({
      code: 'failed_precondition',
      reason: 'scheduler.runner_missing',
      detail: { runner: 'claude-code', remedy },
    });
    await until(() =>
      w.audited.some(({ kind, reason }) => kind === 'run.refused' && reason === 'scheduler.runner_missing'),
    );
  });

  test('is refused with the package when no edge describes anything', async () => {
    await register(['native', 'exec'], []);
    await expect(w.api.createRun(ask, await w.as())).rejects.toMatchObject({ reason: 'scheduler.runner_missing' });
  });

  test('runs under the profile of its kind once an edge has it', async () => {
    await register(['native', 'exec', 'claude-code'], [{ ...lacking, version: '1', missing: [], remedy: '' }]);
    const { run } = await w.api.createRun(ask, await w.as());
    await untilRun(w, run?.id ?? '', inState(RunState.COMPLETED));
    expect([...w.runtime.units.values()].at(-1)).toMatchObject({ runner: 'claude-code', profile: 'coding' });
  });

  test('is refused a provider that it cannot speak to, in the role and in the run', async () => {
    const provider = { ...aProvider, dialect: Dialect.OPENAI_CHAT };
    await expect(w.api.applyRole({ role: { ...role, provider } }, await w.as())).rejects.toMatchObject({
      code: 'invalid_argument',
      reason: 'scheduler.provider_unfit',
      detail: { speaks: 'anthropic_messages', given: 'openai_chat' },
    });
    await expect(w.api.createRun({ runner: 'claude-code', start: aTask() }, await w.as())).rejects.toMatchObject({
      reason: 'scheduler.provider_missing',
    });
  });
});

describe('the list of runners', () => {
  test('is what each edge last said, under the name the bus knows it by', async () => {
    await register(['native'], [{ ...lacking, edge: 'somebody-else' }]);
    const { runners } = await w.api.listRunners({}, await w.as());
    expect(runners).toMatchObject([{ ...lacking, edge: w.runtime.edge }]);
  });

  test.each([
    ['a name that is no slug', { ...lacking, runner: 'No Slug' }],
    ['control characters', { ...lacking, remedy: 'npm\u001b[2J' }],
    ['a word beyond bounds', { ...lacking, missing: ['x'.repeat(2000)] }],
    ['more words than anybody reads', { ...lacking, features: Array.from({ length: 65 }, (_, n) => `f${n}`) }],
  ])('refuses %s', async (_, description) => {
    await expect(register(['native'], [description])).rejects.toMatchObject({
      code: 'invalid_argument',
      reason: 'scheduler.edge_invalid',
    });
  });

  test('needs the right to read runs', async () => {
    await expect(w.api.listRunners({}, await w.as({ scope: ['run:create'] }))).rejects.toMatchObject({
      code: 'permission_denied',
      reason: 'token.scope',
    });
  });
});
