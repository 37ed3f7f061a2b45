import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { EventSchema, Outcome } from '@sallyport/contracts/audit/v1/audit';
import { anEvent, aRun, type EventInit } from '../test/sample-log.ts';
import { brokenField, canonicalEvent, eventTemplate, parseEvent } from './event.ts';

const made = (init: EventInit = {}) => create(EventSchema, anEvent('egress.deny', 3, init));

describe('the canonical form', () => {
  test('is sorted JSON without the fields that are absent', () => {
    expect(canonicalEvent(made({ seq: 7n }))).toBe(
      '{"environment":"dev","id":"evt_00000000000000000000000003","kind":"egress.deny","org":"demo",' +
        '"outcome":"OUTCOME_ALLOW","producer":"egress","seq":"7","subject":"usr_1","time":"2026-11-21T12:00:03.000000Z"}',
    );
  });

  test.each([0, 1, 12, 1_000_000])('of a template at %i is the form of the event itself', (seq) => {
    const tricky = [
      made({
        facts: { seq: '1', a: '1', Z: '', '9': 'x', _: 'ü' },
        resource: ',"seq":"1"',
        reason: 'x',
        outcome: Outcome.ERROR,
      }),
      made({
        hashes: { tree: 'ab'.repeat(32), commit: 'cd'.repeat(20) },
        actors: ['a"b', '\\', '\u007f\u2028\ud83d\ude00', ''],
      }),
      made({ decision: 'dec_1', intent: 'evt_1', environment: '', subject: '', outcome: Outcome.DENY }),
    ];
    for (const event of [...aRun().map((init) => create(EventSchema, init)), ...tricky]) {
      expect(eventTemplate(event).at(seq)).toBe(canonicalEvent(create(EventSchema, { ...event, seq: BigInt(seq) })));
    }
  });

  test('reads back', () => {
    const event = made({ seq: 2n, facts: { to: 'ünï' } });
    expect(parseEvent(Buffer.from(canonicalEvent(event)))).toEqual(event);
  });

  test.each([
    ['other spacing', (text: string) => text.replace(':', ': ')],
    ['an unknown field', (text: string) => text.replace('{', '{"a":1,')],
    ['a field twice', (text: string) => text.replace('{', '{"environment":"dev",')],
    ['another spelling of the outcome', (text: string) => text.replace('"OUTCOME_ALLOW"', '1')],
    ['an escaped letter', (text: string) => text.replace('dev', '\\u0064ev')],
    ['something cut off', (text: string) => text.slice(0, -1)],
  ])('with %s is not an event', (_, change) => {
    expect(parseEvent(Buffer.from(change(canonicalEvent(made()))))).toBeUndefined();
  });

  test('with bytes that are not UTF-8 is not an event', () => {
    const bytes = Buffer.from(canonicalEvent(made()));
    bytes[20] = 0xff;
    expect(parseEvent(bytes)).toBeUndefined();
  });
});

describe('the schema', () => {
  test('holds for every event of an honest run', () => {
    expect(aRun().map((init) => brokenField(create(EventSchema, init)))).toEqual(aRun().map(() => undefined));
  });

  test.each<[string, EventInit]>([
    ['id', { id: '' }],
    ['id', { id: 'evt 1 with spaces in it' }],
    ['time', { time: '2026-11-21T12:00:00Z' }],
    ['time', { time: '2026-13-21T12:00:00.000000Z' }],
    ['time', { time: '2026-11-21T12:00:00.000000+01:00' }],
    ['org', { org: '' }],
    ['org', { org: '../x' }],
    ['org', { org: 'Demo' }],
    ['environment', { environment: 'a.b' }],
    ['kind', { kind: 'egress.maybe' }],
    ['kind', { kind: 'constructor' }],
    ['subject', { subject: 'x'.repeat(129) }],
    ['actors', { actors: Array.from({ length: 9 }, () => 'a') }],
    ['run', { run: 'a b' }],
    ['dispatch', { dispatch: 'a/b/c/d/e/f' }],
    ['resource', { resource: 'host/\u001b[2J' }],
    ['resource', { resource: '\ud800' }],
    ['outcome', { outcome: Outcome.UNSPECIFIED }],
    ['outcome', { outcome: 9 as Outcome }],
    ['reason', { reason: 'because I said so' }],
    ['decision', { decision: 'x y' }],
    ['intent', { intent: '{}' }],
    ['hashes', { hashes: { tree: 'xyz' } }],
    ['hashes', { hashes: { tree: 'AB'.repeat(32) } }],
    ['facts', { facts: { note: 'x'.repeat(257) } }],
    ['facts', { facts: { 'a b': 'x' } }],
    ['facts', { facts: { a: 'two\nlines' } }],
    ['facts', { facts: Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`f${at}`, '1'])) }],
  ])('refuses an event with a wrong %s: %j', (field, init) => {
    expect(brokenField(made(init))).toBe(field);
  });
});
