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

const anthropic = (task: string, results = 0, stream = true): Promise<Response> =>
  fetch(`${base}/v1/messages`, {
    method: 'POST',
    body: JSON.stringify({
      model: 'scripted-echo',
      stream,
      tools: [{ name: 'Bash' }],
      messages: [
        { role: 'user', content: task },
        ...Array.from({ length: results }, () => ({ role: 'user', content: [{ type: 'tool_result', content: 'ok' }] })),
      ],
    }),
  });

const chat = (task: string, results = 0, stream = true): Promise<Response> =>
  fetch(`${base}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({
      model: 'scripted-echo',
      stream,
      tools: [{ type: 'function', function: { name: 'bash' } }],
      messages: [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: task },
        ...Array.from({ length: results }, () => ({ role: 'tool', content: 'ok' })),
      ],
    }),
  });

describe.each([
  ['anthropic', anthropic, 'message_stop'],
  ['openai chat', chat, '[DONE]'],
])('%s', (_name, call, closing) => {
  test('streams a text in several deltas and closes the stream', async () => {
    const body = await (await call('one two three four five six seven eight nine')).text();
    expect(body.match(/"text_delta"|"content":"[^"]+"/g)?.length).toBeGreaterThan(1);
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
      await (await call(task, results)).text();
      turns.push(log.all().at(-1)!.turn);
    }
    expect(turns).toEqual([0, 1, 1, 2, 2]);
  });

  test('meets each obstacle once and then serves the turn', async () => {
    const task = script([{ error: { status: 429, retryAfter: 3 } }, { error: { status: 500 } }, { text: 'through' }]);
    const first = await call(task);
    expect([first.status, first.headers.get('retry-after')]).toEqual([429, '3']);
    expect((await call(task)).status).toBe(500);
    expect(await (await call(task)).text()).toContain('through');
  });

  test('cuts the connection in the middle of a stream', async () => {
    const response = await call(script([{ cut: 60 }, { text: 'whole' }]));
    await expect(response.text()).rejects.toThrow();
  });

  test('answers whole when no stream is asked for', async () => {
    const body: unknown = await (await call('hello', 0, false)).json();
    expect(JSON.stringify(body)).toContain('hello');
  });

  test('refuses a script that is not one', async () => {
    expect((await call('<script>{"no":1}</script>')).status).toBe(400);
  });
});

test('maps the neutral shell step to the tool on offer', async () => {
  const body = await (await anthropic(script([{ shell: 'ls' }]))).text();
  expect(body).toContain('"name":"Bash"');
});

test('answers the probes of real clients', async () => {
  expect((await fetch(base, { method: 'HEAD' })).status).toBe(200);
  const counted = await fetch(`${base}/v1/messages/count_tokens?beta=true`, {
    method: 'POST',
    body: '{"messages":[]}',
  });
  expect(await counted.json()).toMatchObject({ input_tokens: expect.any(Number) });
});

test('says 404 where no model call is', async () => {
  expect((await fetch(`${base}/v1/embeddings`, { method: 'POST', body: '{}' })).status).toBe(404);
});
