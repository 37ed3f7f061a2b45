import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Verdict } from '@sallyport/contracts/unit/v1/event';
import { scriptedModel } from '../../../tools/scripted-model/src/server.ts';
import { config } from '../src/config.ts';
import { NativeRunner } from '../src/runners/native/native-runner.ts';
import { supervise } from '../src/supervisor.ts';
import { Emitter } from '../src/tether/emitter.ts';
import { Tether } from '../src/tether/tether.ts';
import { openTunnel } from '../src/tether/tunnel.ts';
import { TetherServer, tunnelTo } from './tether-server.ts';

let runtime: TetherServer;
let model: { server: Server; log: ReturnType<typeof scriptedModel>['log'] };
let folder: string;
let signalled: AbortController;

beforeEach(async () => {
  runtime = await TetherServer.start();
  model = scriptedModel();
  model.server.listen(0, '127.0.0.1');
  await once(model.server, 'listening');
  runtime.onConnect = tunnelTo((model.server.address() as AddressInfo).port);
  folder = await mkdtemp(join(tmpdir(), 'native-'));
});

afterEach(async () => {
  model.server.closeAllConnections();
  model.server.close();
  await runtime.close();
  await rm(folder, { recursive: true });
});

interface Asked {
  readonly dialect?: string;
  readonly steps: unknown;
  readonly turns?: number;
  readonly tools?: string[];
}

function start({ dialect = 'DIALECT_ANTHROPIC_MESSAGES', steps, turns = 0, tools = [] }: Asked): Promise<number> {
  runtime.work = {
    runner: 'native',
    start: { inline: `Go. <script>${JSON.stringify(steps)}</script>` },
    modelUrl: 'http://model.sallyport.internal',
    model: 'scripted',
    dialect,
    turns,
    tools,
    directory: folder,
    session: 'ses_1',
  };
  const tether = new Tether(runtime.path);
  const retry = { attempts: 4, baseMillis: 1, maxMillis: 5 };
  const open = (host: string, port: number) => openTunnel(runtime.path, host, port);
  const runners = [new NativeRunner({ open, env: config.childEnv, retry })];
  const emitter = new Emitter((first, events) => tether.emit(first, events));
  const parts = { tether, emitter, runners, version: 'spec', home: join(folder, 'home'), network: Promise.resolve() };
  signalled = new AbortController();
  return supervise(parts, signalled.signal).finally(() => tether.close());
}

const bodies = <C extends string>(name: C) =>
  runtime.events.flatMap(({ body }) => (body.case === name ? [body.value as unknown as Record<string, unknown>] : []));

const result = () => bodies('result')[0];

const dialects = [
  'DIALECT_ANTHROPIC_MESSAGES',
  'DIALECT_OPENAI_CHAT',
  'DIALECT_OPENAI_RESPONSES',
  'DIALECT_GEMINI',
] as const;

describe.each(dialects)('the native loop over %s', (dialect) => {
  test('streams text, runs the tools that are called and ends with a verdict', async () => {
    const steps = [
      { text: 'I will write a file and look at it.', shell: 'printf hello > a.txt && cat a.txt' },
      {
        calls: [
          { name: 'edit_file', arguments: { path: 'a.txt', old: 'hello', new: 'bye' } },
          { name: 'read_file', arguments: { path: 'a.txt' } },
        ],
      },
      { text: 'All done.' },
    ];
    expect(await start({ dialect, steps })).toBe(0);
    expect(await readFile(join(folder, 'a.txt'), 'utf8')).toBe('bye');
    expect(runtime.targets[0]).toBe('model.sallyport.internal:80');
    expect(bodies('toolCompleted')).toMatchObject([
      { tool: 'bash', ok: true, text: 'hello' },
      { tool: 'edit_file', ok: true },
      { tool: 'read_file', ok: true, text: 'bye' },
    ]);
    expect(bodies('messageDelta').length).toBeGreaterThan(2);
    expect(bodies('messageCompleted').map(({ text }) => text)).toEqual([steps[0]!.text, 'All done.']);
    expect(bodies('turnCompleted').map(({ turn }) => turn)).toEqual([1, 2, 3]);
    expect(bodies('usageUpdated')).toHaveLength(3);
    expect(runtime.cases().slice(0, 2)).toEqual(['inputTaken', 'sessionStarted']);
    expect(runtime.cases().at(-1)).toBe('result');
    expect(result()).toMatchObject({ verdict: Verdict.SUCCEEDED, reply: 'All done.', exitCode: 0 });
  });

  test('keeps one tunnel over all turns', async () => {
    await start({ dialect, steps: [{ shell: 'true' }, { shell: 'true' }, { text: 'x' }] });
    expect(runtime.targets).toHaveLength(1);
  });

  test('shows the model a failed tool and goes on', async () => {
    const steps = [
      { shell: 'echo out; echo err >&2; exit 3' },
      { calls: [{ name: 'read_file', arguments: { path: 'missing' } }] },
      { calls: [{ name: 'nonsense', arguments: {} }] },
      { calls: [{ name: 'bash', arguments: { command: 7 } }] },
      { text: 'noted' },
    ];
    expect(await start({ dialect, steps })).toBe(0);
    expect(bodies('toolCompleted').map(({ ok }) => ok)).toEqual([false, false, false, false]);
    const first = String(bodies('toolCompleted')[0]?.['text']);
    expect(first).toContain('out');
    expect(first).toContain('err');
    expect(first).toContain('[exit code 3]');
  });

  test.each([
    ['429', { error: { status: 429, retryAfter: 0 } }, 'model.busy'],
    ['500', { error: { status: 500 } }, 'model.failing'],
    ['a cut stream', { cut: 400 }, 'model.stream_cut'],
  ])('tries again after %s', async (_name, obstacle, cause) => {
    expect(
      await start({ dialect, steps: [obstacle, { text: 'a text of some length, so that a cut falls into it' }] }),
    ).toBe(0);
    expect(bodies('retry')).toMatchObject([{ attempt: 1, cause }]);
    expect(result()).toMatchObject({ verdict: Verdict.SUCCEEDED });
  });

  test('gives up after a bounded number of tries', async () => {
    const steps = Array.from({ length: 9 }, () => ({ error: { status: 503 } }));
    expect(await start({ dialect, steps: [...steps, { text: 'never' }] })).toBe(1);
    expect(bodies('retry')).toHaveLength(3);
    expect(bodies('error')).toMatchObject([{ reason: 'model.failing' }]);
    expect(result()).toMatchObject({ verdict: Verdict.RUNNER_ERROR, exitCode: 1 });
  });

  test('does not repeat what a provider refuses for good', async () => {
    expect(await start({ dialect, steps: [{ error: { status: 401 } }, { text: 'never' }] })).toBe(1);
    expect(bodies('retry')).toEqual([]);
    expect(bodies('error')).toMatchObject([{ reason: 'model.refused' }]);
    expect(result()).toMatchObject({ verdict: Verdict.FAILED });
  });

  test('ends with the turns', async () => {
    const steps = Array.from({ length: 9 }, () => ({ shell: 'true' }));
    expect(await start({ dialect, steps, turns: 3 })).toBe(1);
    expect(bodies('turnCompleted')).toHaveLength(3);
    expect(result()).toMatchObject({ verdict: Verdict.BUDGET_EXHAUSTED });
  });

  test('keeps every event small, whatever the model says', async () => {
    const text = '€\u0001'.repeat(150_000);
    const steps = [{ calls: [{ name: 'write_file', arguments: { path: 'big', content: text } }] }, { text }];
    expect(await start({ dialect, steps })).toBe(0);
    expect((await readFile(join(folder, 'big'), 'utf8')).length).toBe(text.length);
    expect(String(result()?.['reply']).length).toBeLessThanOrEqual(64 * 1024);
  });

  test('survives huge output and bytes that are no text', async () => {
    const steps = [
      { shell: 'head -c 20000000 /dev/zero | tr "\\0" "x"; echo END' },
      { shell: "printf '\\377\\376 caf\\303\\251\\n'" },
      { text: 'ok' },
    ];
    expect(await start({ dialect, steps })).toBe(0);
    const [huge, binary] = bodies('toolCompleted').map(({ text }) => String(text));
    expect(huge!.length).toBeLessThanOrEqual(64 * 1024);
    expect(huge).toMatch(/characters left out/);
    expect(huge!.endsWith('END\n')).toBe(true);
    expect(binary).toBe('\uFFFD\uFFFD café\n');
    const streamed = bodies('toolOutput').reduce((sum, { text }) => sum + String(text).length, 0);
    expect(streamed).toBeLessThan(2 * 1024 * 1024);
  });
});

test('stops in the middle of a tool that ignores TERM', async () => {
  const steps = [{ shell: 'trap "" TERM; echo ready; while :; do sleep 0.1; done' }, { text: 'never' }];
  const ended = start({ steps });
  await runtime.event(({ body }) => body.case === 'toolOutput');
  runtime.stop();
  expect(await ended).toBe(1);
  expect(result()).toMatchObject({ verdict: Verdict.CANCELLED });
});

test('stops in the middle of a model call', async () => {
  const ended = start({ steps: [{ delay: 3_600_000 }, { text: 'late' }] });
  await runtime.event(({ body }) => body.case === 'sessionStarted');
  signalled.abort();
  expect(await ended).toBe(1);
  expect(result()).toMatchObject({ verdict: Verdict.CANCELLED });
});

test('offers the model only the tools it may have', async () => {
  await start({ steps: [{ text: 'x' }], tools: ['read_file'] });
  expect(bodies('sessionStarted')).toMatchObject([{ tools: ['read_file'] }]);
  expect(JSON.stringify(model.log.all()[0]?.body)).not.toContain('"bash"');
});

test('is blocked when egress denies the model', async () => {
  runtime.onConnect = ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.once('data', () => {
      socket.end(
        'HTTP/1.1 403 Forbidden\r\nsally-deny-reason: run_not_active\r\ncontent-length: 0\r\nconnection: close\r\n\r\n',
      );
    });
  };
  expect(await start({ steps: [{ text: 'x' }] })).toBe(1);
  expect(bodies('error')).toMatchObject([{ reason: 'model.denied' }]);
  expect(result()).toMatchObject({ verdict: Verdict.BLOCKED });
});

test.each([
  ['a runner that does not exist', { runner: 'nonesuch' }, 'runner.unknown'],
  ['a dialect it does not speak', { dialect: 'DIALECT_UNSPECIFIED' }, 'runner.start_unusable'],
  ['no task', { start: {} }, 'runner.start_unusable'],
  [
    'a path above the mount',
    { start: { path: '../../etc/passwd' }, mounts: [{ workspace: 'demo' }] },
    'runner.start_unusable',
  ],
])('refuses %s with a reason', async (_name, over, reason) => {
  await writeFile(join(folder, 'x'), '');
  const ended = start({ steps: [{ text: 'x' }] });
  runtime.work = { ...runtime.work, ...over };
  expect(await ended).toBe(1);
  expect(bodies('error')).toMatchObject([{ reason }]);
  expect(result()).toMatchObject({ verdict: Verdict.RUNNER_ERROR });
});
