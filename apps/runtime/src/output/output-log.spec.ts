import { appendFileSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type UnitEvent, UnitEventSchema, Verdict } from '@sallyport/contracts/unit/v1/event';
import { systemClock } from '@sallyport/core/clock';
import { type EventBody, OutputLog } from './output-log.ts';

const opened: OutputLog[] = [];

afterEach(() => {
  for (const log of opened.splice(0)) log.close();
});

function aLog(path: string, published: UnitEvent[] = [], limitBytes = 1_000_000): OutputLog {
  const log = new OutputLog({
    path,
    org: 'acme',
    run: 'run_1',
    dispatch: 'dsp_1',
    limitBytes,
    clock: systemClock,
    publish: (event) => published.push(event),
  });
  opened.push(log);
  return log;
}

const aPath = (): string => join(mkdtempSync(join(tmpdir(), 'sally-output-')), 'output.log');
const said = (body: EventBody): UnitEvent => create(UnitEventSchema, { body });
const text = (words: string): UnitEvent => said({ case: 'messageDelta', value: { text: words } });
const stored = (log: OutputLog): UnitEvent[] => log.read(0, Number.MAX_SAFE_INTEGER).events;

describe('OutputLog', () => {
  test('numbers events of agent and platform in one row without a gap', () => {
    const published: UnitEvent[] = [];
    const log = aLog(aPath(), published);
    log.stage('accepted');
    expect(log.take(1n, [text('a'), text('b')])).toBe(2n);
    log.stage('ended');
    expect(stored(log).map(({ seq }) => seq)).toEqual([1n, 2n, 3n, 4n]);
    expect(published.map(({ seq }) => seq)).toEqual([1n, 2n, 3n, 4n]);
    expect(stored(log)[1]).toMatchObject({ org: 'acme', run: 'run_1', dispatch: 'dsp_1' });
  });

  test('tells an event that nobody could carry as dropped, and goes on', () => {
    const path = aPath();
    const log = aLog(path);
    log.say({ case: 'error', value: { reason: 'x', message: 'x'.repeat(5_000_000) } });
    log.stage('ended');
    expect(stored(log).map(({ body }) => body.case)).toEqual(['outputDropped', 'stageReached']);
    expect(stored(aLog(path))).toHaveLength(2);
  });

  test('takes what is sent again once', () => {
    const log = aLog(aPath());
    log.take(1n, [text('a'), text('b')]);
    expect(log.take(1n, [text('a'), text('b'), text('c')])).toBe(3n);
    expect(log.take(2n, [text('b')])).toBe(3n);
    expect(stored(log)).toHaveLength(3);
  });

  test('goes on after a restart where it was', () => {
    const path = aPath();
    const before = aLog(path);
    before.stage('accepted');
    before.take(1n, [text('a'), said({ case: 'result', value: { verdict: Verdict.SUCCEEDED } })]);
    const after = aLog(path);
    expect(after.result?.verdict).toBe(Verdict.SUCCEEDED);
    expect(after.take(2n, [text('x'), text('c')])).toBe(3n);
    expect(stored(after).map(({ seq }) => seq)).toEqual([1n, 2n, 3n, 4n]);
  });

  test('cuts a torn frame off', () => {
    const path = aPath();
    const before = aLog(path);
    before.take(1n, [text('a')]);
    const whole = statSync(path).size;
    appendFileSync(path, Buffer.from([0, 0, 0, 50, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 3]));
    const after = aLog(path);
    expect(after.size).toBe(whole);
    expect(after.take(2n, [text('b')])).toBe(2n);
    expect(stored(after)).toHaveLength(2);
  });

  test('opens a file of rubbish as empty', () => {
    const path = aPath();
    writeFileSync(path, Buffer.alloc(1000, 0x41));
    expect(aLog(path).size).toBe(0);
  });

  test('drops and counts what is over the limit, but keeps the closing word', () => {
    const log = aLog(aPath(), [], 1_500);
    const big = text('x'.repeat(900));
    expect(log.take(1n, [big, big, big, said({ case: 'result', value: { reply: 'y'.repeat(900) } })])).toBe(4n);
    expect(stored(log).map(({ body }) => body.case)).toEqual(['messageDelta', 'result']);
    expect(stored(log).map(({ seq }) => seq)).toEqual([1n, 2n]);
    expect(log.dropped).toBeGreaterThan(1_800);
  });

  test('remembers over a restart what it dropped, in a place that does not grow', () => {
    const path = aPath();
    const before = aLog(path, [], 500);
    for (let first = 1n; first <= 100n; first += 1n) before.take(first, [text('x'.repeat(600))]);
    expect(statSync(path).size).toBeLessThan(100);
    const after = aLog(path, [], 500);
    expect(after.dropped).toBe(before.dropped);
    expect(after.take(101n, [text('y')])).toBe(101n);
    expect(stored(after)).toHaveLength(1);
  });

  test('bounds the closing words as well', () => {
    const log = aLog(aPath(), [], 100);
    const result = said({ case: 'result', value: { reply: 'z'.repeat(1000) } });
    log.take(
      1n,
      Array.from({ length: 500 }, () => result),
    );
    expect(stored(log)).toHaveLength(64);
  });

  test.each([
    ['a stage', said({ case: 'stageReached', value: { stage: 'attested' } })],
    ['a decision', said({ case: 'egressDecided', value: { allowed: true } })],
    ['a commit', said({ case: 'committed', value: { workspace: 'demo' } })],
    ['a count of drops', said({ case: 'outputDropped', value: { bytes: 1n } })],
    ['nothing', create(UnitEventSchema, {})],
  ])('does not let an agent say %s', (_, event) => {
    const log = aLog(aPath());
    expect(() => log.take(1n, [text('a'), event])).toThrow(expect.objectContaining({ name: 'RefusedOutput' }));
    expect(log.size).toBe(0);
  });

  test.each([0n, 2n, 99n])('refuses events that begin at %s', (first) => {
    const log = aLog(aPath());
    expect(() => log.take(first, [text('a')])).toThrow(expect.objectContaining({ name: 'RefusedOutput' }));
  });
});
