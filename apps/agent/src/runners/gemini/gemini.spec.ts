import { describe, expect, test } from '@jest/globals';
import type { AgentEvent } from '../../event.ts';
import type { Line, Turn } from '../cli/adapter.ts';
import type { Closing } from '../cli/evidence.ts';
import { gemini } from './gemini.ts';

const aTurn = (over: Partial<Turn> = {}): Turn => ({
  prompt: 'do it',
  session: 'ses',
  model: 'm',
  modelUrl: 'http://model',
  turns: 0,
  tools: [],
  mounts: [],
  directory: '/workspace/demo',
  home: '/home',
  native: undefined,
  ...over,
});

/** Lines as gemini 0.61.0 prints them. */
const init = { type: 'init', session_id: 'b481720a-6424-4637-ba4f-0b97e6563084', model: 'm' };
const said = (content: string): Line => ({ type: 'message', role: 'assistant', content, delta: true });
const use = (tool: string, parameters: object): Line => ({
  type: 'tool_use',
  tool_name: tool,
  tool_id: 'c1',
  parameters,
});
const result = (over: object): Line => ({ type: 'tool_result', tool_id: 'c1', status: 'success', ...over });
const end = (over: object): Line => ({
  type: 'result',
  status: 'success',
  stats: { input_tokens: 9, output_tokens: 4 },
  ...over,
});

const failed = (message: string, type = 'unknown'): Line => end({ status: 'error', error: { type, message } });

function readAll(lines: readonly Line[], over: Partial<Turn> = {}) {
  const read = gemini.reader(aTurn(over));
  const readings = lines.map((line) => read(line));
  return {
    events: readings.flatMap((reading): readonly AgentEvent[] => reading?.events ?? []),
    denied: readings.flatMap((reading) => reading?.denied ?? []),
    native: readings.map((reading) => reading?.native).find((native) => native !== undefined),
    closing: readings.at(-1)?.closing,
    reply: readings.at(-1)?.reply,
  };
}

describe('lines of gemini', () => {
  test('become messages, calls, changed files and turns', () => {
    const { events, native, closing, reply } = readAll([
      init,
      { type: 'message', role: 'user', content: 'do it' },
      said('I '),
      said('write.'),
      use('write_file', { file_path: 'a/../b.txt', content: 'x' }),
      result({}),
      said('Done.'),
      end({}),
    ]);
    expect(native).toBe(init.session_id);
    expect(closing).toEqual({ kind: 'done' });
    expect(reply).toBe('Done.');
    expect(events.map((event) => Object.keys(event)[0])).toEqual([
      'sessionStarted',
      'messageDelta',
      'messageDelta',
      'messageCompleted',
      'toolStarted',
      'turnCompleted',
      'toolCompleted',
      'fileChanged',
      'messageDelta',
      'messageCompleted',
      'turnCompleted',
      'usageUpdated',
    ]);
    expect(events).toContainEqual({ messageCompleted: { text: 'I write.' } });
    expect(events).toContainEqual({ fileChanged: { path: 'demo/b.txt' } });
  });

  test.each([
    [
      'a command that failed',
      use('run_shell_command', {}),
      result({ output: 'x\nCommand exited with code: 3' }),
      false,
    ],
    [
      'a command that speaks of codes',
      use('run_shell_command', {}),
      result({ output: 'Command exited with code: 3\nno' }),
      true,
    ],
    ['a file that says so', use('read_file', {}), result({ output: 'Command exited with code: 3' }), true],
    [
      'an error',
      use('replace', { file_path: '/workspace/x' }),
      result({ status: 'error', error: { message: 'no' } }),
      false,
    ],
  ])('take %s for what it is', (_name, call, answer, ok) => {
    const { events } = readAll([call, answer]);
    expect(events).toContainEqual({ toolCompleted: expect.objectContaining({ ok }) });
    expect(events.some((event) => 'fileChanged' in event)).toBe(false);
  });

  test('tell a refused call from a made-up one by the role', () => {
    const lines = [use('write_file', {}), result({ status: 'error', error: { type: 'tool_not_registered' } })];
    expect(readAll(lines, { tools: ['bash'] }).denied).toEqual(['c1']);
    expect(readAll(lines).denied).toEqual([]);
  });

  test('of a kind nobody knows are left to be shown as they are', () => {
    expect(gemini.reader(aTurn())({ type: 'novelty' })).toBeUndefined();
  });
});

describe('the closing word of gemini', () => {
  const unauthenticated = '[API Error: {"error":{"code":401,"message":"no","status":"UNAUTHENTICATED"}}]';
  const turns = 'Reached max session turns for this session.';

  test.each<[string, Line | undefined, number, Partial<Closing> | undefined]>([
    ['success', end({}), 0, { kind: 'done' }],
    ['401, which leaves 145', failed(unauthenticated), 145, { kind: 'model', status: 401 }],
    ['429, which leaves 173', failed('[API Error: busy]'), 173, { kind: 'model', status: 429 }],
    ['503, which leaves 247', failed('[API Error: down]'), 247, { kind: 'model', status: 503 }],
    ['503 without a line', undefined, 247, { kind: 'model', status: 503 }],
    ['a cut stream', failed('[API Error: terminated]'), 1, { kind: 'model' }],
    ['used up turns', failed(turns, 'FatalTurnLimitedError'), 53, { kind: 'budget' }],
    ['used up turns without a line', undefined, 53, { kind: 'budget' }],
    ['no way in', undefined, 41, { kind: 'failed' }],
    ['no input', undefined, 42, { kind: 'failed' }],
    ['an error of its own', failed('broken'), 1, { kind: 'failed', message: 'broken' }],
    ['nothing at all', undefined, 1, undefined],
    ['a word that it is done before a failing exit', end({}), 1, { kind: 'done' }],
  ])('is read from %s', (_name, line, code, expected) => {
    const closed = line === undefined ? undefined : gemini.reader(aTurn())(line)?.closing;
    const closing = gemini.closing?.(closed, { kind: 'exited', code });
    if (expected === undefined) expect(closing).toBeUndefined();
    else expect(closing).toMatchObject(expected);
  });

  test('is not made up for a program that was killed', () => {
    expect(gemini.closing?.(undefined, { kind: 'signalled', signal: 'SIGKILL' })).toBeUndefined();
  });
});

describe('the command of gemini', () => {
  const policyOf = (tools: readonly string[]): string => {
    const file = gemini.command(aTurn({ tools })).files.find(({ path }) => path.endsWith('.toml'));
    return String(file?.data);
  };

  test('reads the task from stdin and carries no key', () => {
    const command = gemini.command(aTurn({ native: 'b481720a-1' }));
    expect(command.stdin).toEqual({ text: 'do it', open: false });
    expect(command.args).toEqual(expect.arrayContaining(['--resume', 'b481720a-1', '--model', 'm']));
    expect(command.env).toMatchObject({ GEMINI_API_KEY: 'sallyport-no-key', GOOGLE_GEMINI_BASE_URL: 'http://model' });
  });

  test('denies every tool that the role does not name', () => {
    const policy = policyOf(['bash', 'own"tool']);
    expect(policy).toContain('toolName = "*"\ndecision = "deny"');
    expect(policy).toContain(
      'toolName = ["run_shell_command","list_background_processes","read_background_output","own\\"tool"]',
    );
  });

  test('denies what its provider would do outside the sandbox', () => {
    expect(policyOf([])).toContain('toolName = ["google_web_search","web_fetch"]\ndecision = "deny"');
  });

  test.each([
    ['.gemini/tmp/sallyport/chats/session-2026-11-21T12-24-b481720a.jsonl', true],
    ['.gemini/tmp/sallyport/chats/session-2026-11-21T12-24-00000000.jsonl', false],
    ['.gemini/tmp/other/chats/session-2026-11-21T12-24-b481720a.jsonl', false],
    ['.gemini/settings.json', false],
  ])('keeps %s: %s', (path, kept) => {
    expect(gemini.session.keeps(path, init.session_id)).toBe(kept);
  });
});
