import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentEvent } from '../src/event.ts';
import { AcpRunner } from '../src/runners/acp/acp-runner.ts';
import type { Patience } from '../src/runners/cli/watchdogs.ts';
import { opencode } from '../src/runners/opencode/opencode.ts';
import type { Running } from '../src/runners/runner.ts';
import type { SessionFile } from '../src/sessions/session-file.ts';
import { assignmentOf, type Work } from '../src/work.ts';
import { death } from './processes.ts';

const agent = join(import.meta.dirname, 'acp-agent.mjs');

let folder: string;
let model: Server;
let events: AgentEvent[];
let running: Running | undefined;
/** Settles with the agent's first words. */
let up: PromiseWithResolvers<void>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acp-'));
  for (const name of ['home', 'work', 'runners']) await mkdir(join(folder, name));
  events = [];
  up = Promise.withResolvers();
  model = createServer((_, response) => void response.end());
  model.listen(0, '127.0.0.1');
  await once(model, 'listening');
});

afterEach(async () => {
  running?.stop();
  await running?.ended;
  model.closeAllConnections();
  model.close();
  await rm(folder, { recursive: true, force: true });
});

const modelUrl = (): string => `http://127.0.0.1:${(model.address() as AddressInfo).port}`;

/** Asks the agent of the tests to do something; `words` stand before it. */
function start(todo: object, more: Partial<Work> = {}, patience: Partial<Patience> = {}, words = 'task'): Running {
  const runner = new AcpRunner([opencode], {
    env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' },
    runners: join(folder, 'runners'),
    patience: { stallMillis: 60_000, lingerMillis: 60_000, ...patience },
  });
  const given = { runner: 'acp', session: 'talk', dialect: 'DIALECT_ANTHROPIC_MESSAGES', persona: 'Be kind.' };
  running = runner.start(
    {
      ...assignmentOf({ ...given, model: 'some-model' }),
      argv: [process.execPath, agent],
      modelUrl: modelUrl(),
      directory: join(folder, 'work'),
      home: join(folder, 'home'),
      input: { id: 'i1', text: `${words}\n${JSON.stringify(todo)}` },
      ...more,
    },
    async (event) => {
      events.push(event);
      if ('messageDelta' in event) up.resolve();
    },
  );
  return running;
}

const run = (...how: Parameters<typeof start>) => start(...how).ended;

const reasons = () => events.flatMap((event) => ('error' in event ? [event.error.reason] : []));
/** What the agent was answered to its questions. */
const answers = (reply: string): object[] =>
  reply
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);

const question = (kind: string): [string, object] => [
  'session/request_permission',
  {
    toolCall: { toolCallId: 'c1', kind, title: 'something' },
    options: [
      { optionId: 'yes', name: 'Yes', kind: 'allow_once' },
      { optionId: 'no', name: 'No', kind: 'reject_once' },
    ],
  },
];
const selected = (optionId: string) => ({ outcome: { outcome: 'selected', optionId } });

describe('an agent', () => {
  test('is greeted, told how to behave, and asked; what it says are events', async () => {
    const outcome = await run({ say: 'Hello.' });
    expect(outcome).toMatchObject({ verdict: 'VERDICT_SUCCEEDED', reply: 'Hello.', exitCode: 0 });
    expect(events).toEqual([
      { sessionStarted: { session: 'talk', model: 'some-model', tools: [] } },
      { messageDelta: { text: 'Hello.' } },
      { messageCompleted: { text: 'Hello.' } },
      { turnCompleted: { turn: 1 } },
    ]);
    expect(await readFile(join(folder, 'home/.agent/s1.txt'), 'utf8')).toMatch(/^Be kind\./);
  });

  test('gets an allow-list of variables, and its model by address without a key', async () => {
    const { reply } = await run({ env: 1 });
    const seen = JSON.parse(reply) as Record<string, string>;
    expect(Object.keys(seen).sort()).toEqual([
      'ANTHROPIC_API_KEY',
      'ANTHROPIC_BASE_URL',
      'HOME',
      'LANG',
      'PATH',
      'SALLY_MODEL',
      'SALLY_MODEL_URL',
      'SALLY_TURN',
    ]);
    expect(seen).toMatchObject({ ANTHROPIC_API_KEY: 'sallyport-no-key', ANTHROPIC_BASE_URL: modelUrl() });
  });

  test('that prints what is no message is heard all the same', async () => {
    const outcome = await run({ print: 'Loading plug-ins ...', say: 'Hi.' });
    expect(outcome).toMatchObject({ verdict: 'VERDICT_SUCCEEDED', reply: 'Hi.' });
    expect(events).toContainEqual({ raw: { text: 'Loading plug-ins ...' } });
  });

  test.each<[string, object, string, string]>([
    ['that used its turns', { stop: 'max_turn_requests' }, 'VERDICT_BUDGET_EXHAUSTED', 'runner.budget_exhausted'],
    ['that declined', { stop: 'refusal' }, 'VERDICT_FAILED', 'runner.failed'],
    ['that claims to be cancelled', { stop: 'cancelled' }, 'VERDICT_FAILED', 'runner.failed'],
    ['whose model refuses', { fail: { code: 401, message: 'no' } }, 'VERDICT_FAILED', 'model.refused'],
    ['whose model is busy', { fail: { code: 429, message: 'no' } }, 'VERDICT_RUNNER_ERROR', 'model.busy'],
    ['that answers with an error', { fail: { code: -32000, message: 'no' } }, 'VERDICT_FAILED', 'runner.failed'],
    ['that goes without an answer', { exit: 0 }, 'VERDICT_RUNNER_ERROR', 'runner.no_result'],
    ['that says it is done and dies', { say: 'Done.', exit: 3 }, 'VERDICT_RUNNER_ERROR', 'runner.no_result'],
  ])('%s is judged by it', async (_, todo, verdict, reason) => {
    expect({ verdict: (await run(todo)).verdict, reasons: reasons() }).toEqual({ verdict, reasons: [reason] });
  });
});

describe('a model that breaks off', () => {
  const asked = () => events.filter((event) => 'sessionStarted' in event).length;
  const announced = { toolCall: { toolCallId: 'c1', kind: 'read' }, options: [] };

  test.each<[string, object, number]>([
    ['before anything was done is asked once more', {}, 2],
    ['after a call began is not', { ask: ['session/request_permission', announced] }, 1],
  ])('%s', async (_, before, times) => {
    const outcome = await run({ ...before, fail: { code: 500, message: 'terminated' } });
    expect(outcome.verdict).toBe('VERDICT_RUNNER_ERROR');
    expect(asked()).toBe(times);
  });
});

describe("a question about the agent's tools", () => {
  test.each<[string, readonly string[], string, object, string]>([
    ['yes where the role names none', [], 'execute', selected('yes'), 'VERDICT_SUCCEEDED'],
    ['yes to what the role names', ['bash'], 'execute', selected('yes'), 'VERDICT_SUCCEEDED'],
    ['no to what it does not', ['read_file'], 'execute', selected('no'), 'VERDICT_BLOCKED'],
    ['no to what nobody knows', ['bash'], 'of_tomorrow', selected('no'), 'VERDICT_BLOCKED'],
  ])('is answered %s', async (_, tools, kind, answer, verdict) => {
    const outcome = await run({ ask: question(kind) }, { tools });
    expect(answers(outcome.reply)).toEqual([answer]);
    expect(outcome.verdict).toBe(verdict);
    expect(reasons()).toEqual(
      verdict === 'VERDICT_BLOCKED' ? ['runner.permission_refused', 'runner.tool_refused'] : [],
    );
  });
});

describe('files and commands', () => {
  test('are served below the working directory', async () => {
    const path = join(folder, 'work', 'a.txt');
    const { reply } = await run({
      ask1: ['fs/write_text_file', { path, content: 'one\ntwo\n' }],
      ask2: ['fs/read_text_file', { path, line: 2, limit: 1 }],
      ask3: ['terminal/create', { command: 'sh', args: ['-c', 'cat a.txt; exit 3'] }],
      ask4: ['terminal/wait_for_exit', { terminalId: 'term_1' }],
      ask5: ['terminal/output', { terminalId: 'term_1' }],
      ask6: ['terminal/release', { terminalId: 'term_1' }],
    });
    const exit = { exitCode: 3, signal: null };
    expect(answers(reply)).toEqual([
      {},
      { content: 'two' },
      { terminalId: 'term_1' },
      exit,
      { output: 'one\ntwo\n', truncated: false, exitStatus: exit },
      {},
    ]);
  });

  test.each<[string, (path: string) => [string, object]]>([
    ['a file elsewhere to be read', (path) => ['fs/read_text_file', { path }]],
    ['a file elsewhere to be written', (path) => ['fs/write_text_file', { path, content: 'x' }]],
    ['a folder elsewhere to work in', (path) => ['terminal/create', { command: 'ls', cwd: join(path, '..') }]],
    ['a terminal nobody made', () => ['terminal/output', { terminalId: 'term_9' }]],
  ])('are refused: %s', async (_, ask) => {
    const path = join(folder, 'secret.txt');
    await writeFile(path, 'secret');
    const { reply } = await run({ ask: ask(path) });
    expect(answers(reply)).toEqual([{ error: expect.objectContaining({ code: -32602 }) }]);
    expect(await readFile(path, 'utf8')).toBe('secret');
  });

  test.each<[string, string, object]>([
    ['fs/write_text_file', 'read_file', { path: 'work/a.txt', content: 'x' }],
    ['fs/read_text_file', 'bash', { path: 'work/a.txt' }],
    ['terminal/create', 'read_file', { command: 'touch', args: ['a.txt'] }],
  ])('of %s are refused a role that has only %s', async (method, tool, params) => {
    const outcome = await run({ ask: [method, params] }, { tools: [tool] });
    expect(answers(outcome.reply)).toEqual([{ error: expect.objectContaining({ code: -32602 }) }]);
    expect(outcome.verdict).toBe('VERDICT_BLOCKED');
    await expect(readFile(join(folder, 'work', 'a.txt'))).rejects.toThrow();
  });

  test('end with the prompt', async () => {
    const pid = join(folder, 'work', 'pid');
    await run({
      ask1: ['terminal/create', { command: 'sh', args: ['-c', `setsid sleep 600 & echo $! > ${pid}; sleep 600`] }],
      ask2: ['terminal/create', { command: 'sh', args: ['-c', `while [ ! -s ${pid} ]; do sleep 0.01; done`] }],
      ask3: ['terminal/wait_for_exit', { terminalId: 'term_2' }],
    });
    await death(Number(await readFile(pid, 'utf8')));
  });
});

describe('the end of a turn', () => {
  test.each<[string, object]>([
    ['asks the agent to end its prompt', { say: 'up', untilCancelled: 1, stop: 'cancelled' }],
    ['ends an agent that does not', { say: 'up', hang: 1 }],
  ])('when it is stopped %s, and keeps the conversation', async (_, todo) => {
    const under = start(todo);
    await up.promise;
    under.stop();
    expect(await under.ended).toMatchObject({ verdict: 'VERDICT_CANCELLED', conversation: { native: 's1' } });
  });

  test('allows nothing any more once it is stopped', async () => {
    const under = start({ say: 'up', untilCancelled: 1, ask: question('execute') });
    await up.promise;
    under.stop();
    expect((await under.ended).reply).not.toContain('yes');
  });

  test('comes by itself when the agent falls silent', async () => {
    expect((await run({ hang: 1 }, {}, { stallMillis: 1500 })).verdict).toBe('VERDICT_RUNNER_ERROR');
    expect(reasons()).toEqual(['runner.stalled']);
  });
});

describe('a conversation', () => {
  test('goes on in another HOME, and what was said before is no news', async () => {
    const first = await run({ say: 'I will.' }, {}, {}, 'Keep 4711 in mind.');
    expect(first.conversation).toMatchObject({ runner: 'acp', native: 's1', session: 'talk' });
    await rm(join(folder, 'home'), { recursive: true });
    await mkdir(join(folder, 'home'));
    events = [];
    const conversation = first.conversation as SessionFile;
    const second = await run({ say: 'Going on.' }, { conversation }, {}, 'recall');
    expect(second.reply).toContain('4711');
    const said = events.flatMap((event) => ('messageDelta' in event ? [event.messageDelta.text] : []));
    // Once by the answer to this prompt, and not by the replay before it.
    expect(said.filter((text) => text.includes('4711'))).toHaveLength(1);
  });

  test('that another agent led is refused', async () => {
    const conversation = { runner: 'acp', version: 'other 1', session: 'talk', native: 's1', files: [] };
    await run({ say: 'x' }, { conversation });
    expect(reasons()).toEqual(['runner.session_foreign']);
  });
});

describe('before the start', () => {
  test.each<[string, Partial<Work>, string]>([
    ['a known agent that is not installed', { argv: ['opencode', 'acp'] }, 'runner.missing'],
    ['a program that is not there', { argv: ['/nowhere/agent'] }, 'runner.no_result'],
    ['an empty name', { argv: [''] }, 'runner.no_result'],
    ['a model that nobody answers for', { modelUrl: 'http://127.0.0.1:9' }, 'model.unreachable'],
  ])('says what is wrong with %s', async (_, more, reason) => {
    expect((await run({}, more)).verdict).toBe('VERDICT_RUNNER_ERROR');
    expect(reasons()).toEqual([reason]);
  });
});
