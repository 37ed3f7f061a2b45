import { afterAll, expect, test } from '@jest/globals';
import { FakeClock } from '@sallyport/testkit/clock';
import { FilterJudge } from './filter-judge.ts';

/** Its clock stands still: what judging costs on this machine is not what these tests are about. */
const judge = new FilterJudge(new FakeClock());
const event = {
  type: 't',
  source: '/s',
  subject: '',
  time: 0,
  dataContentType: '',
  data: Buffer.from(JSON.stringify(Array.from({ length: 5_000 }, () => 1))),
};
const costly = 'data.all(a, data.all(b, data.all(c, a + b + c > 0.0)))';

afterAll(() => judge.close());

test('an org that asks a lot at once is heard in turn with others, and all it asks is answered', async () => {
  const order: string[] = [];
  const many = judge
    .judge('many', event, [costly, ...Array.from({ length: 7 }, () => 'true'), costly])
    .finally(() => order.push('many'));
  const more = judge.judge('many', event, ['true']).finally(() => order.push('more'));
  const one = judge.judge('one', event, ['true']).finally(() => order.push('one'));
  expect(await many).toEqual(['costly', ...Array.from({ length: 7 }, () => 'yes'), 'costly']);
  expect([await more, await one]).toEqual([['yes'], ['yes']]);
  expect(order).toEqual(['one', 'many', 'more']);
});

test('an org that has used up its time waits for more, and others do not wait with it', async () => {
  const clock = new FakeClock();
  const bounded = new FilterJudge(clock);
  const asked = bounded.judge('hostile', event, ['true']);
  // It is being judged; what passes by the clock until it is answered is what it took.
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(11_000);
  expect(await asked).toEqual(['yes']);
  const busy = { code: 'resource_exhausted', reason: 'scheduler.filters_busy' };
  await expect(bounded.judge('hostile', event, ['true'])).rejects.toMatchObject(busy);
  await expect(bounded.check('hostile', 'true')).rejects.toMatchObject(busy);
  expect(await bounded.judge('other', event, ['true'])).toEqual(['yes']);
  clock.advance(5_000);
  expect(await bounded.judge('hostile', event, ['true'])).toEqual(['yes']);
  await bounded.close();
});

test('an org that uses up its time within one question waits with the rest of it, and goes on where it stopped', async () => {
  const clock = new FakeClock();
  const bounded = new FilterJudge(clock);
  const busy = { reason: 'scheduler.filters_busy' };
  const expressions = Array.from({ length: 12 }, (_, index) => String(index % 3 === 0));
  /** Asks, and has its first part take more than the org has: no answer is heard before this yields to the event loop. */
  const dear = async () => {
    const asked = bounded.judge('hostile', event, expressions);
    const settled = asked.catch(() => undefined);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    clock.advance(11_000);
    await settled;
    return asked;
  };
  for (let part = 0; part < 2; part++) {
    await expect(dear()).rejects.toMatchObject(busy);
    expect(await bounded.judge('other', event, ['true'])).toEqual(['yes']);
    clock.advance(60_000);
  }
  expect(await dear()).toEqual(expressions.map((each) => (each === 'true' ? 'yes' : 'no')));
  await bounded.close();
});

test('a judge that ends calls no expression costly', async () => {
  const ending = new FilterJudge(new FakeClock());
  const refused = Promise.all(
    ['org', 'other'].map((org) => expect(ending.judge(org, event, [costly, 'true'])).rejects.toThrow('ended')),
  );
  await ending.close();
  await refused;
});
