import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { scriptedModel } from '../src/server.ts';

const { server, log } = scriptedModel();
let base = '';

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const script = (steps: unknown): string => `Do it. <script>${JSON.stringify(steps)}</script>`;

interface Asked {
  readonly task: string;
  /** Tool results after the task. */
  readonly results?: number;
  readonly stream?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** Things said before the task, each with one result of its own. */
  readonly before?: readonly string[];
  readonly tools?: boolean;
  readonly system?: string;
}

type Call = (asked: Asked) => Promise<Response>;

const post = (path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(`${base}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });

/** The history as what was said (a string) and what was answered (undefined), in order. */
const historyOf = ({ task, results = 0, before = [] }: Asked): (string | undefined)[] => [
  ...before.flatMap((text) => [text, undefined]),
  task,
  ...Array.from({ length: results }, () => undefined),
];

const anthropic: Call = (asked) =>
  post(
    '/v1/messages?beta=true',
    {
      model: 'scripted-echo',
      stream: asked.stream ?? true,
      system: [{ type: 'text', text: asked.system ?? 'be brief' }],
      tools: asked.tools === false ? [] : [{ name: 'Bash', input_schema: { properties: { command: {} } } }],
      messages: historyOf(asked).map((text) => ({
        role: 'user',
        content: text ?? [{ type: 'tool_result', content: 'ok' }],
      })),
    },
    asked.headers,
  );

const chat: Call = (asked) =>
  post(
    '/v1/chat/completions',
    {
      model: 'scripted-echo',
      stream: asked.stream ?? true,
      ...(asked.tools !== false && { tools: [{ type: 'function', function: { name: 'bash' } }] }),
      messages: [
        { role: 'system', content: asked.system ?? 'be brief' },
        ...historyOf(asked).map((text) =>
          text === undefined ? { role: 'tool', content: 'ok' } : { role: 'user', content: text },
        ),
      ],
    },
    asked.headers,
  );

const responses: Call = (asked) =>
  post(
    '/v1/responses',
    {
      model: 'scripted-echo',
      stream: asked.stream ?? true,
      instructions: asked.system ?? 'be brief',
      tools:
        asked.tools === false
          ? []
          : [{ type: 'function', name: 'exec_command', parameters: { properties: { cmd: {} } } }],
      input: historyOf(asked).map((text) =>
        text === undefined
          ? { type: 'function_call_output', call_id: 'call', output: 'ok' }
          : { type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
      ),
    },
    asked.headers,
  );

const geminiCall: Call = (asked) =>
  post(
    `/v1beta/models/scripted-echo:${asked.stream === false ? 'generateContent' : 'streamGenerateContent?alt=sse'}`,
    {
      systemInstruction: { parts: [{ text: asked.system ?? 'be brief' }] },
      ...(asked.tools !== false && { tools: [{ functionDeclarations: [{ name: 'run_shell_command' }] }] }),
      contents: historyOf(asked).map((text) => ({
        role: 'user',
        parts: [
          text === undefined
            ? { functionResponse: { name: 'run_shell_command', response: { output: 'ok' } } }
            : { text },
        ],
      })),
    },
    asked.headers,
  );

describe.each([
  ['anthropic messages', anthropic, 'message_stop', 'x-api-key', '', '"name":"Bash"'],
  ['openai chat', chat, '[DONE]', 'authorization', 'Bearer ', '"name":"bash"'],
  ['openai responses', responses, 'response.completed', 'authorization', 'Bearer ', '"name":"exec_command"'],
  ['gemini', geminiCall, '"finishReason":"STOP"', 'x-goog-api-key', '', '"name":"run_shell_command"'],
])('%s', (_name, call, closing, keyHeader, keyPrefix, shellTool) => {
  test('streams a text in several deltas and closes the stream', async () => {
    const body = await (await call({ task: 'one two three four five six seven eight nine' })).text();
    expect(
      body.match(/"text_delta"|"content":"[^"]+"|output_text\.delta"|"parts":\[\{"text":"[^"]+"/g)?.length,
    ).toBeGreaterThan(1);
    expect(body).toContain(closing);
  });

  test('chooses the turn by the number of tool results', async () => {
    const task = script([
      { shell: 'a' },
      {
        calls: [
          { name: 'x', arguments: {} },
          { name: 'y', arguments: {} },
        ],
      },
      { text: 'end' },
    ]);
    const turns: number[] = [];
    for (const results of [0, 1, 2, 3, 9]) {
      await (await call({ task, results })).text();
      turns.push(log.all().at(-1)!.turn);
    }
    expect(turns).toEqual([0, 1, 1, 2, 2]);
  });

  test('meets each obstacle once and then serves the turn', async () => {
    const task = script([{ error: { status: 429, retryAfter: 3 } }, { error: { status: 500 } }, { text: 'through' }]);
    const first = await call({ task });
    expect([first.status, first.headers.get('retry-after')]).toEqual([429, '3']);
    expect((await call({ task })).status).toBe(500);
    expect(await (await call({ task })).text()).toContain('through');
  });

  test('cuts the connection in the middle of a stream', async () => {
    const response = await call({ task: script([{ cut: 60 }, { text: 'whole' }]) });
    await expect(response.text()).rejects.toThrow();
  });

  test('answers whole when no stream is asked for', async () => {
    const body: unknown = await (await call({ task: 'hello', stream: false })).json();
    expect(JSON.stringify(body)).toContain('hello');
  });

  test('calls the shell that is on offer', async () => {
    for (const stream of [true, false]) {
      expect(await (await call({ task: script([{ shell: 'ls' }]), stream })).text()).toContain(shellTool);
    }
  });

  test('follows the script of the latest input from its beginning', async () => {
    const before = [script([{ shell: 'a' }, { text: 'first' }]), 'and a word without a script'];
    const task = script([{ shell: 'b' }, { text: 'second' }]);
    expect(await (await call({ task, before })).text()).toContain(shellTool);
    expect(await (await call({ task, before, results: 1 })).text()).toContain('second');
    expect(await (await call({ task: 'plain', before: [task] })).text()).toContain('plain');
  });

  test('meets an obstacle as often as it says', async () => {
    const task = script([{ error: { status: 503 }, times: 3 }, { text: 'through' }]);
    const statuses = [];
    for (let attempt = 0; attempt < 5; attempt += 1) statuses.push((await call({ task })).status);
    expect(statuses).toEqual([503, 503, 503, 200, 503]);
  });

  test('waits before it answers', async () => {
    const from = performance.now();
    expect(await (await call({ task: script([{ delay: 120 }, { text: 'late' }]) })).text()).toContain('late');
    expect(performance.now() - from).toBeGreaterThan(110);
  });

  test('gives a conversation a name without a step of its script', async () => {
    const task = script([{ error: { status: 500 } }, { text: 'through' }]);
    const named = await call({ task: JSON.stringify(task), tools: false, system: 'You are a title generator.' });
    expect([named.status, await named.text()]).toEqual([200, expect.stringContaining('scripted')]);
    expect((await call({ task })).status).toBe(500);
  });

  test('asks for its key where it is told to', async () => {
    const guarded = scriptedModel({ requireKey: 'right' });
    guarded.server.listen(0, '127.0.0.1');
    await once(guarded.server, 'listening');
    const open = base;
    base = `http://127.0.0.1:${(guarded.server.address() as AddressInfo).port}`;
    try {
      const keys: Record<string, string>[] = [
        {},
        { [keyHeader]: `${keyPrefix}wrong` },
        { [keyHeader]: `${keyPrefix}right` },
      ];
      const statuses = [];
      for (const headers of keys) {
        const response = await call({ task: 'hi', headers });
        await response.text();
        statuses.push(response.status);
      }
      expect(statuses).toEqual([401, 401, 200]);
      expect(guarded.log.all().map(({ status }) => status)).toEqual([401, 401, 200]);
    } finally {
      base = open;
      guarded.server.closeAllConnections();
      guarded.server.close();
    }
  });

  test('refuses a script that is not one', async () => {
    expect((await call({ task: '<script>{"no":1}</script>' })).status).toBe(400);
  });
});

test('answers the probes of real clients', async () => {
  expect((await fetch(base, { method: 'HEAD' })).status).toBe(200);
  const counted = await fetch(`${base}/v1/messages/count_tokens?beta=true`, {
    method: 'POST',
    body: '{"messages":[]}',
  });
  expect(await counted.json()).toMatchObject({ input_tokens: expect.any(Number) });
  const gemini = await fetch(`${base}/v1beta/models/m:countTokens`, { method: 'POST', body: '{}' });
  expect(await gemini.json()).toMatchObject({ totalTokens: expect.any(Number) });
});

test('says 404 where no model call is', async () => {
  expect((await fetch(`${base}/v1/embeddings`, { method: 'POST', body: '{}' })).status).toBe(404);
});
