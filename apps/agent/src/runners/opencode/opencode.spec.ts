import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentEvent } from '../../event.ts';
import type { Line, Turn } from '../cli/adapter.ts';
import { opencode } from './opencode.ts';
import { database } from './session-database.ts';

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

/** Lines as opencode 1.18.33 prints them. */
const line = (type: string, part: object): Line => ({ type, sessionID: 'ses_1', part });
const tool = (name: string, state: object): Line => line('tool_use', { callID: 'c1', tool: name, state });
const finish = (reason: string): Line => line('step_finish', { reason, tokens: { input: 9, output: 4 } });

function readAll(lines: readonly Line[], over: Partial<Turn> = {}) {
  const read = opencode.reader(aTurn(over));
  const readings = lines.map((one) => read(one));
  return {
    events: readings.flatMap((reading): readonly AgentEvent[] => reading?.events ?? []),
    denied: readings.flatMap((reading) => reading?.denied ?? []),
    native: readings[0]?.native,
    closing: readings.at(-1)?.closing,
  };
}

describe('lines of opencode', () => {
  test('become messages, calls, changed files and turns', () => {
    const written = { status: 'completed', input: { filePath: '/workspace/demo/a.txt' }, output: 'Wrote.' };
    const { events, native, closing } = readAll([
      line('step_start', {}),
      line('text', { text: 'I write.' }),
      tool('write', written),
      finish('tool-calls'),
      line('step_start', {}),
      line('text', { text: 'Done.' }),
      finish('stop'),
    ]);
    expect(native).toBe('ses_1');
    expect(closing).toEqual({ kind: 'done' });
    expect(events.map((event) => Object.keys(event)[0])).toEqual([
      'sessionStarted',
      'messageCompleted',
      'toolStarted',
      'toolCompleted',
      'fileChanged',
      'usageUpdated',
      'turnCompleted',
      'messageCompleted',
      'usageUpdated',
      'turnCompleted',
    ]);
    expect(events).toContainEqual({ fileChanged: { path: 'demo/a.txt' } });
  });

  test.each([
    ['a command that failed', { status: 'completed', metadata: { exit: 3 }, output: '' }, false],
    ['a command that went well', { status: 'completed', metadata: { exit: 0 }, output: '' }, true],
    ['an error', { status: 'error', error: 'no' }, false],
  ])('take %s for what it is', (_name, state, ok) => {
    expect(readAll([tool('bash', state)]).events).toContainEqual({ toolCompleted: expect.objectContaining({ ok }) });
  });

  test.each([
    ['a tool the role takes away', "Model tried to call unavailable tool 'write'.", ['bash'], ['c1']],
    ['a made-up tool', "Model tried to call unavailable tool 'nonsense'.", [], []],
    ['a question nobody answers', 'The user rejected permission to use this specific tool call.', [], ['c1']],
    ['a tool that failed', 'no such file', ['bash'], []],
  ])('tell the refusal of %s', (_name, error, tools, denied) => {
    expect(readAll([tool('write', { status: 'error', error })], { tools }).denied).toEqual(denied);
  });

  test.each<[string, Line, object]>([
    [
      'a refusal of its model',
      { type: 'error', error: { name: 'APIError', data: { message: 'no', statusCode: 401 } } },
      { kind: 'model', status: 401, denied: false },
    ],
    [
      'a denial of egress',
      {
        type: 'error',
        error: {
          name: 'APIError',
          data: { message: 'no', statusCode: 403, responseHeaders: { 'sally-deny-reason': 'host_not_allowed' } },
        },
      },
      { kind: 'model', status: 403, denied: true },
    ],
    ['an error of its own', { type: 'error', error: { name: 'UnknownError', data: {} } }, { kind: 'failed' }],
    ['an answer that was cut', finish('length'), { kind: 'failed' }],
    ['an end', finish('stop'), { kind: 'done' }],
  ])('close with %s', (_name, last, closing) => {
    expect(readAll([last]).closing).toMatchObject(closing);
  });
});

test('a role that names its tools has every other denied', () => {
  const { env } = opencode.command(aTurn({ tools: ['bash', 'read_file', 'webfetch'] }));
  expect(JSON.parse(env['OPENCODE_CONFIG_CONTENT'] ?? '')).toMatchObject({
    permission: { '*': 'deny', bash: 'allow', read: 'allow', webfetch: 'allow' },
    provider: { sallyport: { options: { baseURL: 'http://model/v1', apiKey: 'sallyport-no-key' } } },
  });
});

describe('a conversation in a database', () => {
  let home: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'opencode-'));
    mkdirSync(dirname(join(home, database.path)), { recursive: true });
  });

  afterEach(() => rmSync(home, { recursive: true }));

  test('is one file after the turn, and names the next directory', async () => {
    const program = new DatabaseSync(join(home, database.path));
    program.exec('PRAGMA journal_mode = WAL; CREATE TABLE session (id TEXT, directory TEXT, path TEXT)');
    program.exec("INSERT INTO session VALUES ('ses_1', '/workspace/old', 'workspace/old')");
    expect(readFileSync(join(home, database.log)).length).toBeGreaterThan(0);
    // The program holds it open, as one does that was killed in the middle of a write.
    await opencode.session.gather?.(home);
    program.close();
    await opencode.session.adopt?.(aTurn({ home, native: 'ses_1', directory: '/workspace/new' }));
    const again = new DatabaseSync(join(home, database.path));
    expect({ ...again.prepare('SELECT * FROM session').get() }).toEqual({
      id: 'ses_1',
      directory: '/workspace/new',
      path: 'workspace/new',
    });
    again.close();
  });

  test('stays as it is when the file is none', async () => {
    writeFileSync(join(home, database.path), 'nonsense');
    await opencode.session.gather?.(home);
    await opencode.session.adopt?.(aTurn({ home, native: 'ses_1' }));
    expect(readFileSync(join(home, database.path), 'utf8')).toBe('nonsense');
  });
});
