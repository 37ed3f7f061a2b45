import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { Fault } from '@sallyport/core/fault';
import { Hono } from 'hono';
import { readBytes } from './body.ts';
import type { ApiContext, ApiHono } from './endpoint.ts';

const limit = 1_000;
const gzip = { 'content-encoding': 'gzip' };

/** What a route with the limit answers: how many bytes it read, or its reason to refuse. */
async function answerTo(body: RequestInit['body'], headers: Record<string, string> = {}): Promise<string> {
  const app = new Hono<ApiHono>();
  app.post('/', async (c) => c.text(String((await readBytes(c as ApiContext, limit)).length)));
  app.onError((error, c) => c.text(Fault.from(error).reason));
  const init = { method: 'POST', body, headers, duplex: 'half' } as RequestInit;
  return (await app.request('/', init)).text();
}

/** A body that comes in chunks, and how many of them were taken. */
function sent(chunk: Uint8Array, count: number): { readonly body: ReadableStream; readonly taken: () => number } {
  let taken = 0;
  const body = new ReadableStream({
    pull: (controller) => {
      if (taken === count) return controller.close();
      taken += 1;
      controller.enqueue(chunk);
    },
  });
  return { body, taken: () => taken };
}

describe('a body', () => {
  test.each([
    ['as it is', Buffer.alloc(limit), {}],
    ['compressed', gzipSync(randomBytes(limit)), gzip],
  ])('of the limit is read, %s', async (_, body, headers) => {
    expect(await answerTo(body, headers)).toBe(String(limit));
  });

  test('that is no gzip is refused as that', async () => {
    expect(await answerTo('{}', gzip)).toBe('api.body_malformed');
  });

  test('is not inflated beyond the limit: what would not inflate there is never looked at', async () => {
    const bomb = gzipSync(randomBytes(1024 * 1024));
    bomb.fill(0xff, 512 * 1024);
    expect(await answerTo(bomb, gzip)).toBe('api.body_too_large');
  });

  test.each([
    ['as it is', Buffer.alloc(64 * 1024), {}],
    ['compressed', gzipSync(Buffer.alloc(1024 * 1024)), gzip],
  ])('beyond the limit is read off the wire to its end, %s', async (_, chunk, headers) => {
    const { body, taken } = sent(chunk, 200);
    expect(await answerTo(body, headers)).toBe('api.body_too_large');
    expect(taken()).toBe(200);
  });

  test.each([
    ['as it is', Buffer.alloc(1024 * 1024), {}],
    ['compressed to more than it is', gzipSync('').subarray(0, 10), gzip],
  ])('without an end is left at 64 MiB, %s', async (_, head, headers) => {
    const blocks = Buffer.from(Array.from({ length: 200_000 }, () => [0, 0, 0, 0xff, 0xff]).flat());
    let taken = 0;
    const body = new ReadableStream({
      pull: (controller) => {
        controller.enqueue(taken === 0 || headers !== gzip ? head : blocks);
        taken += 1;
      },
    });
    expect(await answerTo(body, headers)).toBe('api.body_too_large');
    expect(taken).toBeLessThan(100);
  });
});
