import { once } from 'node:events';
import { type ClientRequest, request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Run, RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { Stream } from '@sallyport/contracts/unit/v1/event';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { adaKey } from './fakes/fake-identity.ts';
import { FakeStack } from './fakes/fake-stack.ts';

let stack: FakeStack;

beforeAll(async () => {
  stack = await FakeStack.start();
});
afterAll(() => stack.stop());

interface Reading {
  readonly messages: readonly EventSourceMessage[];
  /** Whether the server ended the stream, rather than the reader. */
  readonly ended: boolean;
}

/** Reads a stream until the server ends it, or cuts the socket as soon as `enough` says so. */
function read(
  path: string,
  headers: Record<string, string> = {},
  enough: (messages: readonly EventSourceMessage[]) => boolean = () => false,
): Promise<Reading> {
  return new Promise((resolve, reject) => {
    const messages: EventSourceMessage[] = [];
    const parser = createParser({ onEvent: (message) => void messages.push(message) });
    const ask: ClientRequest = request(
      {
        port: stack.port,
        path,
        agent: false,
        headers: { accept: 'text/event-stream', authorization: `Bearer ${adaKey}`, ...headers },
      },
      (response) => {
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          parser.feed(chunk);
          if (!enough(messages)) return;
          ask.destroy();
          resolve({ messages, ended: false });
        });
        response.on('end', () => resolve({ messages, ended: true }));
        response.on('error', () => undefined);
      },
    );
    ask.on('error', (error) => (ask.destroyed ? undefined : reject(error)));
    ask.end();
  });
}

const say = (run: Run, text: string, how = {}) =>
  stack.scheduler.say(run.id, { case: 'messageCompleted', value: { text } }, how);
const idsOf = (messages: readonly EventSourceMessage[]): number[] =>
  messages.flatMap(({ id }) => (id === undefined ? [] : [Number(id)]));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the stream of a run', () => {
  test('replays history, follows, and ends with the run', async () => {
    const run = stack.scheduler.accept('acme');
    for (const text of ['one', 'two']) say(run, text);
    const reading = read(`/v1/runs/${run.id}/events`);
    while (stack.streams === 0) await soon();
    for (const text of ['three', 'four']) say(run, text);
    stack.scheduler.end(run.id, RunState.COMPLETED);
    const { messages } = await reading;
    expect(idsOf(messages)).toEqual(upTo(4));
    expect(messages.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['run.transition', 'message.completed', 'end']),
    );
    expect(messages.at(-1)?.event).toBe('end');
    const [first] = messages.filter(({ event }) => event === 'message.completed');
    expect(JSON.parse(first?.data ?? '')).toMatchObject({
      specversion: '1.0',
      type: 'message.completed',
      source: `/v1/runs/${run.id}`,
      seq: 1,
      data: { text: 'one' },
    });
  });

  test('has no gap and no duplicate over a hundred cut sockets', async () => {
    const run = stack.scheduler.accept('acme');
    const total = 1_500;
    let said = 0;
    const talk = async (): Promise<void> => {
      while (said < total) {
        said += 1;
        // Some are lost by the bus; history has them.
        say(run, `event ${said}`, { publish: said % 7 !== 0 });
        if (said % 10 === 0) await soon();
      }
    };
    const talking = talk();
    const seen: number[] = [];
    let cuts = 0;
    while (cuts < 100) {
      const share = 1 + (cuts % 14);
      const { messages, ended } = await read(
        `/v1/runs/${run.id}/events`,
        seen.length === 0 ? {} : { 'last-event-id': String(seen.at(-1)) },
        (sofar) => idsOf(sofar).length >= share || (said === total && seen.length === total),
      );
      expect(ended).toBe(false);
      // A reader takes what it has read; the rest of the chunk comes again behind its cursor.
      seen.push(...idsOf(messages).slice(0, share));
      cuts += 1;
    }
    await talking;
    stack.scheduler.end(run.id, RunState.COMPLETED);
    const { messages } = await read(`/v1/runs/${run.id}/events?after=${seen.at(-1)}`);
    seen.push(...idsOf(messages));
    expect(seen).toEqual(upTo(total));
  });

  test('waits for history when the bus is ahead of it', async () => {
    const run = stack.scheduler.accept('acme');
    say(run, 'one', { publish: false });
    const reading = read(`/v1/runs/${run.id}/events`, {}, (messages) => idsOf(messages).length >= 3);
    while (stack.streams === 0) await soon();
    say(run, 'two', { publish: false });
    say(run, 'three');
    expect(idsOf((await reading).messages)).toEqual(upTo(3));
  });

  test('numbers the output of a second attempt as history does', async () => {
    const run = stack.scheduler.accept('acme');
    for (const text of ['one', 'two', 'three']) say(run, text);
    const reading = read(`/v1/runs/${run.id}/events?after=3`, {}, (messages) => idsOf(messages).length >= 3);
    while (stack.streams === 0) await soon();
    for (const text of ['four', 'five', 'six']) {
      say(run, text, { offset: 3n });
      await soon();
    }
    const { messages } = await reading;
    expect(idsOf(messages).slice(0, 3)).toEqual([4, 5, 6]);
    expect(
      messages
        .filter(({ id }) => id !== undefined)
        .map(({ data }) => (JSON.parse(data) as { data: { text: string } }).data.text),
    ).toEqual(['four', 'five', 'six']);
  });

  test('keeps deltas for those who ask for them, and takes only the types that are named', async () => {
    const run = stack.scheduler.accept('acme');
    stack.scheduler.say(run.id, { case: 'messageDelta', value: { text: 'o' } });
    say(run, 'one');
    stack.scheduler.say(run.id, { case: 'toolStarted', value: { call: '1', tool: 'bash', arguments: '{}' } });
    stack.scheduler.end(run.id, RunState.COMPLETED);
    const plain = await read(`/v1/runs/${run.id}/events`);
    expect(idsOf(plain.messages)).toEqual([2, 3]);
    const all = await read(`/v1/runs/${run.id}/events?deltas=1`);
    expect(idsOf(all.messages)).toEqual([1, 2, 3]);
    const tools = await read(`/v1/runs/${run.id}/events?types=tool.started`);
    expect(tools.messages.map(({ event }) => event)).toEqual(['tool.started', 'end']);
  });

  test('is refused as a problem before any byte of it when the run is not to be seen', async () => {
    const run = stack.scheduler.accept('other');
    const response = await stack.fetch(`/v1/runs/${run.id}/events`, { headers: { accept: 'text/event-stream' } });
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
  });

  test.each([
    ['negative', { 'last-event-id': '-1' }, ''],
    ['no number', { 'last-event-id': 'abc' }, ''],
    ['a fraction', { 'last-event-id': '1.5' }, ''],
    ['beyond what a number holds', { 'last-event-id': '99999999999999999999' }, ''],
    ['two numbers', { 'last-event-id': '1, 2' }, ''],
    ['negative in the query', {}, '?after=-1'],
    ['no number in the query', {}, '?after=1e3'],
    ['a type that there is not', {}, '?types=secrets'],
    ['an unknown parameter', {}, '?since=1'],
  ])('is refused before any byte of it when where to go on is %s', async (_what, headers, query) => {
    const run = stack.scheduler.accept('acme');
    const given = { accept: 'text/event-stream', ...headers };
    for (const path of [`/v1/runs/${run.id}/events${query}`, `/v1/audit/tail${query}`]) {
      const response = await stack.fetch(path, { headers: given });
      expect([path, response.status]).toEqual([path, 400]);
      expect(await response.json()).toMatchObject({ code: 'api.invalid_request' });
    }
    expect(stack.streams).toBe(0);
  });

  test('gives a reader from the future nothing but the end, and asks no more often for all that is said', async () => {
    const run = stack.scheduler.accept('acme');
    say(run, 'one');
    const reading = read(`/v1/runs/${run.id}/events`, { 'last-event-id': '1000' });
    while (stack.streams === 0) await soon();
    const before = stack.scheduler.service.count('ListOutput');
    for (let count = 0; count < 300; count += 1) {
      say(run, 'more');
      await soon();
    }
    expect(stack.scheduler.service.count('ListOutput') - before).toBeLessThan(100);
    stack.scheduler.end(run.id, RunState.COMPLETED);
    const { messages } = await reading;
    expect(idsOf(messages)).toEqual([]);
    expect(messages.at(-1)?.event).toBe('end');
  });

  test('gives an event larger than any piece whole', async () => {
    const run = stack.scheduler.accept('acme');
    const text = 'é"\\\n'.repeat(100_000);
    say(run, 'before');
    say(run, text);
    say(run, 'after');
    stack.scheduler.end(run.id, RunState.COMPLETED);
    const { messages } = await read(`/v1/runs/${run.id}/events`);
    expect(idsOf(messages)).toEqual([1, 2, 3]);
    const [, large] = messages.filter(({ id }) => id !== undefined);
    expect((JSON.parse(large?.data ?? '{}') as { data?: { text?: string } }).data?.text).toBe(text);
  });

  test('has a JSON twin with the same objects', async () => {
    const run = stack.scheduler.accept('acme');
    for (const text of ['one', 'two', 'three']) say(run, text);
    stack.scheduler.end(run.id, RunState.COMPLETED);
    const first = (await (await stack.fetch(`/v1/runs/${run.id}/events?limit=2`)).json()) as {
      items: { seq: number }[];
      next_cursor: string;
      end: boolean;
    };
    expect(first).toMatchObject({ next_cursor: '2', end: false });
    const second = (await (await stack.fetch(`/v1/runs/${run.id}/events?cursor=2`)).json()) as typeof first;
    expect(second).toMatchObject({ next_cursor: null, end: true });
    const stream = await read(`/v1/runs/${run.id}/events`);
    const streamed = stream.messages
      .filter(({ id }) => id !== undefined)
      .map(({ data }) => JSON.parse(data) as unknown);
    expect([...first.items, ...second.items]).toEqual(streamed);
  });

  test('costs a fixed amount while nobody reads, and loses nothing', async () => {
    const run = stack.scheduler.accept('acme');
    say(run, 'first');
    const stalled = connect(stack.port, '127.0.0.1');
    stalled.write(
      `GET /v1/runs/${run.id}/events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\nauthorization: Bearer ${adaKey}\r\n\r\n`,
    );
    await once(stalled, 'readable');
    stalled.pause();
    const reads = stack.scheduler.service.count('ListOutput');
    const text = 'x'.repeat(60_000);
    for (let count = 0; count < 1_000; count += 1) {
      say(run, text);
      if (count % 20 === 0) await soon();
    }
    stack.scheduler.end(run.id, RunState.COMPLETED);
    // Sixty megabytes, eighty pages, are waiting in history; what was read of it is what the sockets hold.
    for (let before = -1; before !== stack.scheduler.service.count('ListOutput'); ) {
      before = stack.scheduler.service.count('ListOutput');
      for (let turn = 0; turn < 500; turn += 1) await soon();
    }
    expect(stack.scheduler.service.count('ListOutput') - reads).toBeLessThan(20);
    const seen: string[] = [];
    let rest = '';
    for await (const chunk of stalled.resume()) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      seen.push(...lines.filter((line) => line.startsWith('id: ')).map((line) => line.slice(4)));
      if (lines.includes('event: end')) break;
    }
    expect(seen.map(Number)).toEqual(upTo(1_001));
  });

  test('is cut off where its reader takes nothing for too long, says so, and goes on behind what was read', async () => {
    const strict = await FakeStack.start({ SALLY_API_STALL_MS: '300' });
    const run = strict.scheduler.accept('acme');
    const text = 'x'.repeat(60_000);
    for (let count = 0; count < 400; count += 1)
      strict.scheduler.say(run.id, { case: 'messageCompleted', value: { text } });
    const stalled = connect(strict.port, '127.0.0.1').pause();
    stalled.write(
      `GET /v1/runs/${run.id}/events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\nauthorization: Bearer ${adaKey}\r\n\r\n`,
    );
    while (strict.streams === 0) await soon();
    while (strict.streams > 0) await soon();
    let early = '';
    for await (const chunk of stalled.resume()) {
      early += String(chunk);
      if (early.endsWith('\r\n0\r\n\r\n')) break;
    }
    expect(early).toMatch(/event: lagged\ndata: {"reason":"reader_stalled"}/);
    const seen = [...early.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
    expect(seen.length).toBeLessThan(400);
    expect(seen).toEqual(upTo(seen.length));
    strict.scheduler.end(run.id, RunState.COMPLETED);
    // A reader that reads may be too slow for it as well, and goes on in the same way.
    for (let isOver = false; !isOver; ) {
      const rest = await strict.fetch(`/v1/runs/${run.id}/events`, {
        headers: { accept: 'text/event-stream', 'last-event-id': String(seen.at(-1)) },
      });
      const text = await rest.text();
      seen.push(...[...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id)));
      isOver = /^event: end$/m.test(text);
    }
    expect(seen).toEqual(upTo(400));
    await strict.stop();
  });

  test('ends when the key behind it is revoked', async () => {
    const hasty = await FakeStack.start({ SALLY_API_RECHECK_MS: '50' });
    const run = hasty.scheduler.accept('acme');
    const response = await hasty.fetch(`/v1/runs/${run.id}/events`, { headers: { accept: 'text/event-stream' } });
    hasty.identity.revoked.add(adaKey);
    hasty.scheduler.lockedOut = true;
    const text = await response.text();
    expect(text).toMatch(/event: problem\ndata: .*identity\.key_invalid/);
    await hasty.stop();
  });

  test('leaves nothing behind when its reader goes', async () => {
    const run = stack.scheduler.accept('acme');
    say(run, 'one');
    await read(`/v1/runs/${run.id}/events`, {}, (messages) => messages.length > 1);
    while (stack.streams > 0) await soon();
    expect(stack.streams).toBe(0);
  });
});

describe('the output of a run', () => {
  test('is the bytes, unchanged and in order', async () => {
    const run = stack.scheduler.accept('acme');
    const pieces = [Buffer.from([0, 255, 27]), Buffer.from('middle'), Buffer.from([128])];
    for (const [index, data] of pieces.entries()) {
      stack.scheduler.say(run.id, {
        case: 'output',
        value: { stream: index === 1 ? Stream.STDERR : Stream.STDOUT, data },
      });
    }
    const all = await (await stack.fetch(`/v1/runs/${run.id}/output`)).arrayBuffer();
    expect(Buffer.from(all)).toEqual(Buffer.concat(pieces));
    const errors = await (await stack.fetch(`/v1/runs/${run.id}/output?stream=stderr`)).text();
    expect(errors).toBe('middle');
  });
});

describe('the tail of the audit log', () => {
  test('starts at now, keeps to the environment, and resumes behind an id', async () => {
    stack.audit.append({ kind: 'run.accepted', run: 'run_1' });
    const reading = read('/v1/audit/tail', {}, (messages) => messages.length >= 2);
    while (stack.streams === 0) await soon();
    stack.audit.append({ kind: 'run.transition', run: 'run_1' });
    stack.audit.append({ kind: 'run.transition', environment: 'elsewhere' });
    stack.audit.append({ kind: 'run.transition', run: 'run_2' });
    const { messages } = await reading;
    expect(idsOf(messages)).toEqual([1, 3]);
    const again = await read('/v1/audit/tail', { 'last-event-id': '0' }, (sofar) => sofar.length >= 2);
    expect(idsOf(again.messages)).toEqual([1, 3]);
  });
});
