import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type UnitEvent, UnitEventSchema } from '@sallyport/contracts/unit/v1/event';
import { systemClock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { Log } from '@sallyport/service/log';
import { OutputLog } from './output-log.ts';
import { OutputSender } from './output-sender.ts';

const senders: OutputSender[] = [];

afterEach(async () => {
  await Promise.all(senders.splice(0).map((sender) => sender.stop()));
});

function aStream(append: (events: readonly UnitEvent[]) => Promise<void>): { output: OutputLog; sender: OutputSender } {
  const output = new OutputLog({
    path: join(mkdtempSync(join(tmpdir(), 'sally-sender-')), 'output.log'),
    org: 'acme',
    run: 'run_1',
    dispatch: 'dsp_1',
    limitBytes: 10_000_000,
    clock: systemClock,
    publish: () => undefined,
  });
  const sender = new OutputSender({ dispatch: 'dsp_1', output, append, log: new Log('runtime', 'silent') });
  senders.push(sender);
  return { output, sender };
}

const text = (words: string): UnitEvent =>
  create(UnitEventSchema, { body: { case: 'messageDelta', value: { text: words } } });
const refusal = new Fault('invalid_argument', 'scheduler.event', 'no');

describe('OutputSender', () => {
  test('hands on what was there before it began, and what comes after', async () => {
    const stored: bigint[] = [];
    const { output, sender } = aStream(async (events) => void stored.push(...events.map(({ seq }) => seq)));
    output.take(1n, [text('a'), text('b')]);
    sender.start();
    await sender.drained();
    output.take(3n, [text('c')]);
    await sender.drained();
    expect(stored).toEqual([1n, 2n, 3n]);
  });

  test('comes to an end where its file cannot be read on', async () => {
    const stored: bigint[] = [];
    const { output, sender } = aStream(async (events) => void stored.push(...events.map(({ seq }) => seq)));
    output.take(1n, [text('a'), text('x'.repeat(5_000_000))]);
    sender.start();
    await sender.drained();
    expect(stored).toEqual([1n]);
  });

  test('gathers what comes while a batch is under way', async () => {
    const batches: number[] = [];
    const gate = Promise.withResolvers<void>();
    const { output, sender } = aStream(async (events) => {
      batches.push(events.length);
      await gate.promise;
    });
    output.take(1n, [text('a')]);
    sender.start();
    for (let first = 2n; first <= 50n; first += 1n) output.take(first, [text('b')]);
    gate.resolve();
    await sender.drained();
    expect(batches).toEqual([1, 49]);
  });

  test('never sends more than a bus message holds', async () => {
    const sizes: number[] = [];
    const { output, sender } = aStream(async (events) => void sizes.push(events.length));
    output.take(
      1n,
      Array.from({ length: 20 }, () => text('x'.repeat(60_000))),
    );
    sender.start();
    await sender.drained();
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4);
  });

  test('tries again until it is taken', async () => {
    let tries = 0;
    const { output, sender } = aStream(async () => {
      tries += 1;
      if (tries < 3) throw new Fault('unavailable', 'bus.no_responder', 'down');
    });
    output.take(1n, [text('a')]);
    sender.start();
    await sender.drained();
    expect(tries).toBe(3);
  });

  test('puts a count in the place of one event that is never taken, and loses no other', async () => {
    const stored: UnitEvent[] = [];
    const { output, sender } = aStream(async (events) => {
      if (events.some(({ body }) => body.case === 'messageDelta' && body.value.text === 'poison')) throw refusal;
      stored.push(...events);
    });
    output.take(1n, [text('a'), text('poison'), text('b')]);
    sender.start();
    await sender.drained();
    expect(stored.map(({ seq, body }) => [seq, body.case])).toEqual([
      [1n, 'messageDelta'],
      [2n, 'outputDropped'],
      [3n, 'messageDelta'],
    ]);
  });

  test.each(['permission_denied', 'unauthenticated'] as const)('gives up on %s and holds nobody back', async (code) => {
    let tries = 0;
    const { output, sender } = aStream(async () => {
      tries += 1;
      throw new Fault(code, 'token.revoked', 'no');
    });
    output.take(1n, [text('a')]);
    sender.start();
    await sender.drained();
    output.take(2n, [text('b')]);
    await sender.drained();
    expect(tries).toBe(1);
  });
});
