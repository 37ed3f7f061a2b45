import { afterAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '@sallyport/core/clock';
import { FilterLane } from './filter-lane.ts';

const hour = 3_600_000;
const lane = new FilterLane(systemClock, [hour, hour]);
const hurried = new FilterLane(systemClock);

afterAll(() => Promise.all([lane.close(), hurried.close()]));

const order = {
  type: 'order.created',
  source: '/shop',
  subject: 'order/7',
  time: Date.UTC(2026, 0, 2),
  dataContentType: '',
  data: Buffer.from(JSON.stringify({ total: 120, items: ['a', 'b'], note: 'urgent' })),
};

const judge = (...expressions: string[]) => lane.ask({ kind: 'judge', event: order, expressions });
const check = (...expressions: string[]) => lane.ask({ kind: 'check', expressions });

/** More work than anybody waits for: the size of the data to the third power. */
const hostile = 'data.all(a, data.all(b, data.all(c, a + b + c > 0.0)))';
const many = { ...order, data: Buffer.from(JSON.stringify(Array.from({ length: 5_000 }, () => 1))) };

describe('an expression', () => {
  test.each<[string, string]>([
    ['data.total > 100', 'yes'],
    ['data.total > 200', 'no'],
    ["type == 'order.created' && source.startsWith('/sh') && subject == 'order/7'", 'yes'],
    ["time > timestamp('2026-01-01T00:00:00Z')", 'yes'],
    ["'b' in data.items", 'yes'],
    ["data.items.exists(i, i == 'c')", 'no'],
    ["data.note.matches('^urg')", 'yes'],
    ['has(data.total)', 'yes'],
    ['data.missing == 1', 'no'],
    ['data.constructor == 1', 'no'],
    ['has(data.__proto__)', 'no'],
    ['data.total', 'no'],
    ["'true'", 'no'],
    ['1 +', 'no'],
  ])('%s answers %s', async (expression, verdict) => {
    expect(await judge(expression)).toEqual([verdict]);
  });

  test('sees text as text and other data as bytes', async () => {
    const text = { ...order, dataContentType: 'text/plain', data: Buffer.from('hello') };
    const bytes = { ...order, dataContentType: 'image/png', data: Buffer.from([1]) };
    expect(await lane.ask({ kind: 'judge', event: text, expressions: ["data == 'hello'"] })).toEqual(['yes']);
    expect(await lane.ask({ kind: 'judge', event: bytes, expressions: ['size(data) == 1'] })).toEqual(['yes']);
  });

  test('is not judged when it takes too long, and its neighbours are', async () => {
    const expressions = ['true', hostile, 'false', hostile, 'size(data) == 5000'];
    const answers = await hurried.ask({ kind: 'judge', event: many, expressions });
    expect(answers).toEqual(['yes', undefined, 'no', undefined, 'yes']);
  });

  test('is not judged when it takes too much memory', async () => {
    const flood = 'data.map(a, data.map(b, data.map(c, [a, b, c]))).size() > 0';
    const answers = await lane.ask({ kind: 'judge', event: many, expressions: [flood, 'true'] });
    expect(answers).toEqual([undefined, 'yes']);
  });

  const doubled = (literal: string, times: number): string => `[${literal}]${'.map(a,a+a)'.repeat(times)}[0]`;

  test.each([
    ['text, and spreads it', `size(${doubled("'xxxxxxxxxxxxxxxx'", 22)}) > 0`],
    ['text more often, and asks for its end', `(type + ${doubled("'xxxxxxxxxxxxxxxx'", 28)}).endsWith('y')`],
    ['bytes', `size(${doubled("b'xxxxxxxxxxxxxxxx'", 27)}) > 0`],
    [
      'text that becomes bytes',
      `size(bytes(${doubled("'xxxxxxxxxxxxxxxx'", 16)})) > 0 && size(bytes(${doubled("'xxxxxxxxxxxxxxxx'", 16)})) > 0`,
    ],
    ['bytes, and looks away', `size(${doubled("b'xxxxxxxxxxxxxxxx'", 27)}) > 0 || true`],
  ])('that doubles %s is costly, and the next is judged', async (_, expression) => {
    expect(await judge(expression, 'true')).toEqual(['costly', 'yes']);
    expect(await check(expression, 'true')).toEqual([expect.stringContaining('it makes more than'), '']);
  });

  test('makes text and bytes as it likes within bounds', async () => {
    expect(
      await judge("data.note + '!' == 'urgent!'", "b'a' + b'b' == b'ab'", "bytes('é') == b'é'", "'a' + 'b' == 'ba'"),
    ).toEqual(['yes', 'yes', 'yes', 'no']);
  });

  test('of linear time is judged over the largest data', async () => {
    const data = Buffer.from(JSON.stringify(`${'a'.repeat(250_000)}!`));
    const answers = await lane.ask({
      kind: 'judge',
      event: { ...order, data },
      expressions: ["data.matches('^(a+)+$')"],
    });
    expect(answers).toEqual(['no']);
  });

  test('stays apart from the next one when the data nests deeply', async () => {
    const data = Buffer.from(`${'['.repeat(50_000)}${']'.repeat(50_000)}`);
    const answers = await lane.ask({ kind: 'judge', event: { ...order, data }, expressions: ['data == data', 'true'] });
    expect(answers[1]).toBe('yes');
  });
});

describe('a check', () => {
  test.each(['data.total > 100', 'data.items.all(i, i.size() > 0)', 'true', "{'a': type}.a == 'x'"])(
    'passes %s',
    async (expression) => expect(await check(expression)).toEqual(['']),
  );

  test.each([
    ['1 +', 'found'],
    ['nobody == 1', 'nobody'],
    ['data.all(i, j > 0)', 'j'],
    ['secret(data)', 'secret'],
    [`${'('.repeat(2_000)}1${')'.repeat(2_000)}`, 'deep'],
  ])('says what is wrong with %s', async (expression, word) => {
    const [why = ''] = await check(expression);
    expect(why).toContain(word);
  });
});
