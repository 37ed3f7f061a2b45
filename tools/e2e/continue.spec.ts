import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { teamUnitIn } from '@sallyport/bus/subject';
import { encodeSession } from '../../apps/agent/src/sessions/session-file.ts';
import { repository } from '../start/options.ts';
import { joinTeam, makeTeam } from './cut-team.ts';
import { git, sally } from './sally.ts';
import { type EventView, type RunView, StartedStack, textOf } from './started-stack.ts';

let stack: StartedStack;
const folder = mkdtempSync(join(tmpdir(), 'sally-continue-'));

beforeAll(async () => {
  stack = await StartedStack.start();
});

afterAll(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Step {
  readonly text?: string;
  readonly shell?: string;
  readonly delay?: number;
}

const asked = (...steps: readonly Step[]): string => `Do it. <script>${JSON.stringify(steps)}</script>`;

/** A workspace of its own for each story, so that one's writer does not keep another's waiting. */
async function workspace(name: string, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const source = join(folder, name);
  await git(folder, 'init', '--quiet', source);
  writeFileSync(join(source, 'README.md'), `# ${name}\n`);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(source, path)), { recursive: true });
    writeFileSync(join(source, path), text);
  }
  await git(source, 'add', '.');
  await git(source, '-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '--quiet', '-m', 'first');
  expect(await sally(stack, 'workspace', 'import', name, source)).toMatchObject({ code: 0 });
  return name;
}

const mountOf = (name: string) => [{ workspace: name, mode: 'rw' }];

async function steer(run: string, body: object, key?: string): Promise<{ id: string }> {
  const headers = key === undefined ? {} : { 'idempotency-key': key };
  const answer = await stack.rest.raw('POST', `/v1/runs/${run}/inputs`, body, headers);
  expect(answer.status).toBe(202);
  return (await answer.json()) as { id: string };
}

/** Events of a run once they satisfy somebody. */
async function eventsOnce(
  run: string,
  enough: (events: readonly EventView[]) => boolean,
): Promise<readonly EventView[]> {
  const deadline = Date.now() + 200_000;
  for (;;) {
    const events = await stack.events(run);
    if (enough(events)) return events;
    if (Date.now() > deadline) throw new Error(`not seen: ${events.map(({ type }) => type).join(' ')}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A run once it has a reason; what it wrote and how it is doing come by ways of their own. */
async function inReason(id: string, reason: string): Promise<RunView> {
  for (;;) {
    const run = await stack.rest.get<RunView>(`/v1/runs/${id}`);
    if (run.reason === reason) return run;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const ended =
  (input: string) =>
  (events: readonly EventView[]): boolean =>
    events.some((event) => event.type === 'input.ended' && textOf(event, 'input') === input);

const verdicts = (events: readonly EventView[]): string[] =>
  events.flatMap((event) => (event.type === 'input.ended' ? [textOf(event, 'verdict')] : []));

/** A file of a workspace as it was committed. */
const committed = async (name: string, path: string): Promise<string> =>
  (await stack.rest.raw('GET', `/v1/workspaces/${name}/files/${path}`)).text();

describe('a dispatch that stays', () => {
  test('works on one input after the other, waits between them, and leaves when told', async () => {
    const name = await workspace('talk');
    const run = await stack.create({
      role: 'editor',
      task: asked({ shell: 'echo one >> log.txt' }, { text: 'first' }),
      mounts: mountOf(name),
      stay: true,
    });
    await eventsOnce(run.id, ended(run.dispatch));
    const waiting = await inReason(run.id, 'waiting_for_input');
    expect(waiting).toMatchObject({ state: 'running', stay: true, session: run.id });
    const second = await steer(run.id, { text: asked({ shell: 'echo two >> log.txt' }, { text: 'second' }) }, 'k1');
    const third = await steer(run.id, { text: asked({ shell: 'echo three >> log.txt' }, { text: 'third' }) });
    // The same key is the same input, also after it was done.
    await eventsOnce(run.id, ended(third.id));
    expect(
      await steer(run.id, { text: asked({ shell: 'echo two >> log.txt' }, { text: 'second' }) }, 'k1'),
    ).toMatchObject({ id: second.id });
    await steer(run.id, { leave: true });
    expect(await stack.ended(run.id)).toMatchObject({ state: 'completed', verdict: 'succeeded', reply: 'third' });
    const events = await stack.events(run.id);
    const order = events.flatMap((event) =>
      event.type === 'input.taken' || event.type === 'input.ended' ? [[event.type, textOf(event, 'input')]] : [],
    );
    expect(order.slice(0, 6)).toEqual(
      [run.dispatch, second.id, third.id].flatMap((id) => [
        ['input.taken', id],
        ['input.ended', id],
      ]),
    );
    expect(await committed(name, 'log.txt')).toBe('one\ntwo\nthree\n');
    const session = JSON.parse(await committed(name, `.sally/sessions/${run.id}.json`)) as Record<string, unknown>;
    expect(session).toMatchObject({ runner: 'native', session: run.id });
    expect((await stack.rest.raw('GET', `/v1/workspaces/${name}/files/.sally/home`)).status).toBe(404);
  });

  test('ends the input that is cancelled and goes on with the next', async () => {
    const run = await stack.create({ role: 'editor', task: asked({ text: 'ready' }), stay: true });
    await eventsOnce(run.id, ended(run.dispatch));
    const long = await steer(run.id, { text: asked({ shell: 'echo begun; sleep 1000' }, { text: 'never' }) });
    const waiting = await steer(run.id, { text: asked({ text: 'never either' }) });
    const next = await steer(run.id, { text: asked({ text: 'after' }) });
    await eventsOnce(run.id, (events) => events.some((event) => event.type === 'tool.output'));
    await steer(run.id, { cancel: waiting.id });
    await eventsOnce(run.id, ended(waiting.id));
    await steer(run.id, { cancel: '' });
    const events = await eventsOnce(run.id, ended(next.id));
    const verdictOf = (input: string): string | undefined =>
      events.flatMap((event) =>
        event.type === 'input.ended' && textOf(event, 'input') === input ? [textOf(event, 'verdict')] : [],
      )[0];
    expect([long.id, waiting.id, next.id].map(verdictOf)).toEqual(['cancelled', 'cancelled', 'succeeded']);
    expect(events.some((event) => event.type === 'input.taken' && textOf(event, 'input') === waiting.id)).toBe(false);
    await steer(run.id, { leave: true });
    expect(await stack.ended(run.id)).toMatchObject({ state: 'completed', reply: 'after' });
  });

  test('leaves by itself when nothing more is said', async () => {
    const run = await stack.create({
      role: 'editor',
      task: asked({ text: 'done' }),
      stay: true,
      limits: { idle_seconds: 1 },
    });
    expect(await stack.ended(run.id)).toMatchObject({ state: 'completed', verdict: 'succeeded', exit_code: 0 });
  });

  test('cancels the one input of a run that does not stay', async () => {
    const run = await stack.create({ role: 'editor', task: asked({ shell: 'echo begun; sleep 1000' }) });
    await eventsOnce(run.id, (events) => events.some((event) => event.type === 'tool.output'));
    await steer(run.id, { cancel: '' });
    const end = await stack.ended(run.id);
    expect(end).toMatchObject({ state: 'failed', verdict: 'cancelled' });
    expect(verdicts(await stack.events(run.id))).toContain('cancelled');
  });

  test('works on two inputs that are said at once one after the other, in the order they were accepted', async () => {
    const run = await stack.create({ role: 'editor', task: asked({ text: 'ready' }), stay: true });
    await eventsOnce(run.id, ended(run.dispatch));
    const said = await Promise.all(['one', 'two'].map((text) => steer(run.id, { text: asked({ text }) })));
    const events = await eventsOnce(run.id, (all) => said.every(({ id }) => ended(id)(all)));
    const order = events.flatMap((event) => (event.type.startsWith('input.') ? [textOf(event, 'input')] : [])).slice(2);
    expect(order).toHaveLength(4);
    // Taken and ended stand together: nothing of one happens within the other.
    expect([order[0], order[2]]).toEqual([order[1], order[3]]);
    expect(new Set(order)).toEqual(new Set(said.map(({ id }) => id)));
    await steer(run.id, { leave: true });
    expect(await stack.ended(run.id)).toMatchObject({ state: 'completed' });
    const late = await stack.rest.raw('POST', `/v1/runs/${run.id}/inputs`, { text: 'too late' });
    expect([late.status, await late.json()]).toEqual([409, expect.objectContaining({ code: 'scheduler.run_ended' })]);
  });

  test('refuses an input over the limit, counted in bytes, and one for a run that there is not', async () => {
    const run = await stack.create({ role: 'editor', task: asked({ text: 'ready' }), stay: true });
    const refused = async (id: string, body: object): Promise<readonly [number, unknown]> => {
      const answer = await stack.rest.raw('POST', `/v1/runs/${id}/inputs`, body);
      return [answer.status, ((await answer.json()) as { code?: string }).code];
    };
    const limit = 256 * 1024;
    expect(await refused(run.id, { text: 'é'.repeat(limit / 2 + 1) })).toEqual([400, 'scheduler.input_too_large']);
    expect((await refused(run.id, { text: 'x'.repeat(limit + 1) }))[0]).toBe(400);
    expect(await refused(run.id, { text: '  ' })).toEqual([400, 'scheduler.input_invalid']);
    expect(await refused(run.id, { cancel: 'inp_of_nobody' })).toEqual([400, 'scheduler.input_invalid']);
    expect(await refused('run_01ARZ3NDEKTSV4RRFFQ69G5FAV', { text: 'x' })).toEqual([404, 'scheduler.run_not_found']);
    await steer(run.id, { leave: true });
    const end = await stack.ended(run.id);
    expect(end).toMatchObject({ state: 'completed', reply: 'ready' });
  });

  test('is steered and cancelled over NATS by a team of its environment', async () => {
    const team = await joinTeam(await makeTeam(stack, 'steering'));
    const run = await stack.create({ role: 'editor', task: asked({ text: 'ready' }), stay: true });
    await eventsOnce(run.id, ended(run.dispatch));
    const subject = teamUnitIn('acme', 'main', run.dispatch, 'steering');
    const say = async (body: object): Promise<{ readonly id: string; readonly reason?: string }> =>
      (await team.request(subject, JSON.stringify(body), { timeout: 120_000 })).json();
    const long = await say({ text: asked({ shell: 'echo begun; sleep 1000' }, { text: 'never' }) });
    await eventsOnce(run.id, (events) => events.some((event) => event.type === 'tool.output'));
    await say({ cancel: '' });
    const next = await say({ text: asked({ text: 'over the bus' }) });
    const events = await eventsOnce(run.id, ended(next.id));
    const ends = new Map(
      events.flatMap((event) =>
        event.type === 'input.ended' ? [[textOf(event, 'input'), textOf(event, 'verdict')] as const] : [],
      ),
    );
    expect([run.dispatch, long.id, next.id].map((id) => ends.get(id))).toEqual(['succeeded', 'cancelled', 'succeeded']);
    expect(events.some((event) => event.type === 'input.taken' && textOf(event, 'input') === long.id)).toBe(true);
    await say({ leave: true });
    expect(await stack.ended(run.id)).toMatchObject({ state: 'completed', reply: 'over the bus' });
    expect(await say({ text: 'too late' })).toMatchObject({ reason: 'scheduler.run_ended' });
    await team.close();
  });

  test.each([
    ['a text for a run that ends with its task', { text: 'x' }, 409, 'scheduler.run_not_staying'],
    ['nothing', {}, 400, 'api.invalid_request'],
    ['two things at once', { text: 'x', leave: true }, 400, 'api.invalid_request'],
  ])('takes no %s', async (_what, body, status, code) => {
    const run = await stack.exec(['sleep', '20']);
    const answer = await stack.rest.raw('POST', `/v1/runs/${run.id}/inputs`, body);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ code });
    await stack.rest.post(`/v1/runs/${run.id}:cancel`, {});
  });
});

/** What the scripted model was asked last, as text. */
async function lastAsked(): Promise<string> {
  const { provider } = await stack.rest.get<{ provider: { base_url: string } }>('/v1/roles/editor');
  const log = (await (await fetch(new URL('/_scripted/requests', provider.base_url))).json()) as unknown;
  const requests = Array.isArray(log) ? log : ((log as { requests?: unknown[] }).requests ?? []);
  return JSON.stringify(requests.at(-1));
}

describe('a conversation', () => {
  test('goes on in another sandbox from its file alone', async () => {
    const name = await workspace('novel');
    const first = await stack.create({
      role: 'editor',
      task: `The hero is called Zebulon. ${asked({ text: 'Noted: Zebulon it is.' })}`,
      mounts: mountOf(name),
      session: 'chapter-one',
    });
    expect(await stack.ended(first.id)).toMatchObject({ state: 'completed', session: 'chapter-one' });
    const second = await stack.create({
      role: 'editor',
      task: `And the villain? ${asked({ text: 'Not yet known.' })}`,
      mounts: mountOf(name),
      session: 'chapter-one',
    });
    expect(await stack.ended(second.id)).toMatchObject({ state: 'completed', reply: 'Not yet known.' });
    expect(await lastAsked()).toMatch(/hero is called Zebulon.*Noted: Zebulon it is.*And the villain/);
    // Without a word it just goes on, from the named file, and says so by the CLI too.
    const said = await sally(
      stack,
      'run',
      'create',
      'editor',
      '--mount',
      `${name}:rw`,
      '--session',
      'chapter-one',
      '--wait',
      '-o',
      'json',
    );
    expect(said).toMatchObject({ code: 0 });
    expect(await lastAsked()).toMatch(/Zebulon.*And the villain.*Continue\./);
  });

  test('survives the edge that carries it', async () => {
    const name = await workspace('edge');
    const run = await stack.create({
      role: 'editor',
      task: asked({ text: 'before' }),
      mounts: mountOf(name),
      stay: true,
    });
    await eventsOnce(run.id, ended(run.dispatch));
    const { runtime } = await stack.pids();
    process.kill(runtime ?? 0, 'SIGKILL');
    const inputs = [];
    for (const text of ['one', 'two', 'three']) inputs.push(await steer(run.id, { text: asked({ text }) }));
    const events = await eventsOnce(run.id, ended(inputs.at(-1)?.id ?? ''));
    const taken = events.flatMap((event) => (event.type === 'input.taken' ? [textOf(event, 'input')] : []));
    expect(taken).toEqual([run.dispatch, ...inputs.map(({ id }) => id)]);
    await steer(run.id, { leave: true });
    expect(await stack.ended(run.id)).toMatchObject({ state: 'completed', reply: 'three' });
  });

  test('is on file after each input, so that a run that is ended by force loses none that was done', async () => {
    const name = await workspace('forced');
    const run = await stack.create({
      role: 'editor',
      task: asked({ text: 'kept' }),
      mounts: mountOf(name),
      stay: true,
      session: 'forced',
    });
    await eventsOnce(run.id, ended(run.dispatch));
    const second = await steer(run.id, { text: asked({ shell: 'sleep 1000' }) });
    await eventsOnce(run.id, (events) =>
      events.some((event) => event.type === 'input.taken' && textOf(event, 'input') === second.id),
    );
    await stack.rest.post(`/v1/runs/${run.id}:cancel`, {});
    expect(await stack.ended(run.id)).toMatchObject({ state: 'cancelled' });
    expect(await committed(name, '.sally/sessions/forced.json')).toContain('kept');
    await expect(steer(run.id, { text: 'too late' })).rejects.toThrow();
  });

  test('of another runner, or one that was tampered with, is refused with its file untouched', async () => {
    const foreign = encodeSession({ runner: 'codex', version: '1', session: 'plan', native: 'x', files: [] });
    const torn = foreign.replace('"native": "x"', '"native": "y"');
    const name = await workspace('foreign', {
      '.sally/sessions/plan.json': foreign,
      '.sally/sessions/torn.json': torn,
    });
    for (const [session, reason] of [
      ['plan', 'runner.session_foreign'],
      ['torn', 'runner.session_malformed'],
    ] as const) {
      const run = await stack.create({ role: 'editor', task: asked({ text: 'x' }), mounts: mountOf(name), session });
      expect(await stack.ended(run.id)).toMatchObject({ state: 'failed', verdict: 'runner_error' });
      const events = await stack.events(run.id);
      expect(events.flatMap((event) => (event.type === 'error' ? [textOf(event, 'reason')] : []))).toEqual([reason]);
    }
    expect(await committed(name, '.sally/sessions/plan.json')).toBe(foreign);
  });
});

describe('sally', () => {
  test('attaches to a run without a terminal, says what it reads, and leaves when that is done', async () => {
    const run = await stack.create({ role: 'editor', task: asked({ text: 'ready' }), stay: true });
    const child = spawn(process.execPath, [join(repository, 'apps/cli/bin/sally.mjs'), 'run', 'attach', run.id], {
      env: { ...process.env, NODE_OPTIONS: '', SALLY_URL: stack.rest.url, SALLY_TOKEN: stack.rest.token },
    });
    const lines: string[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    child.stdin.write(`${asked({ text: 'said the first' })}\n\n`);
    child.stdin.end(`${asked({ text: 'said the second' })}\n`);
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code).toBe(0);
    const text = lines.join('\n');
    for (const reply of ['ready', 'said the first', 'said the second']) expect(text).toContain(reply);
    // Leaving ends nothing.
    expect(await stack.rest.get(`/v1/runs/${run.id}`)).toMatchObject({ state: 'running' });
    const steered = await sally(stack, 'run', 'steer', run.id, '--leave');
    expect(steered).toMatchObject({ code: 0, stdout: expect.stringMatching(/^inp_/) });
    expect(await stack.ended(run.id)).toMatchObject({ state: 'completed' });
  });

  test('detaches on Ctrl-C and leaves the run alone', async () => {
    const run = await stack.create({ role: 'editor', task: asked({ text: 'ready' }), stay: true });
    const child = spawn(process.execPath, [join(repository, 'apps/cli/bin/sally.mjs'), 'run', 'attach', run.id], {
      env: { ...process.env, NODE_OPTIONS: '', SALLY_URL: stack.rest.url, SALLY_TOKEN: stack.rest.token },
    });
    await new Promise<void>((resolve) => {
      createInterface({ input: child.stdout }).on('line', (line) => line.includes('ready') && resolve());
    });
    child.kill('SIGINT');
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
    expect(await stack.rest.get(`/v1/runs/${run.id}`)).toMatchObject({ state: 'running' });
    expect(await sally(stack, 'run', 'steer', run.id, '--text', 'x', '--leave')).toMatchObject({ code: 2 });
    await sally(stack, 'run', 'steer', run.id, '--leave');
    expect(await stack.ended(run.id)).toMatchObject({ state: 'completed' });
  });
});
