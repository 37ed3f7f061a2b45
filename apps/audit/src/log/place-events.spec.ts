import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { Frontier, leafHash } from '@sallyport/audit-verify/merkle';
import { EventSchema, Outcome } from '@sallyport/contracts/audit/v1/audit';
import { type AdmittedEvent, admitEvent } from '../events/admit-event.ts';
import { placeEvents } from './place-events.ts';

const anEvent = (number: number, resource = ''): AdmittedEvent =>
  admitEvent(
    create(EventSchema, {
      id: `evt_0000000${number}`,
      time: `2026-11-21T12:00:0${number}.000000Z`,
      org: 'acme',
      kind: 'egress.deny',
      outcome: Outcome.DENY,
      resource,
    }),
    'egress',
    0,
  );

const nothing: ReadonlyMap<string, string> = new Map();

describe('placeEvents', () => {
  test('numbers events behind the tree and hashes what will be stored', () => {
    const from = new Frontier();
    from.push(leafHash(Buffer.from('first')));
    const placed = placeEvents([[anEvent(1), anEvent(2)], [anEvent(3)]], from, nothing);
    expect(placed.events.map((event) => event.seq)).toEqual([1n, 2n, 3n]);
    expect(placed.rows.map((row) => row.leaf)).toEqual(placed.rows.map((row) => leafHash(Buffer.from(row.canonical))));
    expect({ grown: placed.frontier.size, kept: from.size }).toEqual({ grown: 4, kept: 1 });
  });

  test('leaves out what the log or the batch holds already', () => {
    const known = new Map([['evt_00000001', anEvent(1).template.at(7)]]);
    const placed = placeEvents([[anEvent(1), anEvent(2)], [anEvent(2)]], new Frontier(), known);
    expect(placed.rows.map((row) => row.id)).toEqual(['evt_00000002']);
    expect(placed.refused).toEqual([undefined, undefined]);
  });

  test('takes a repeat with another time for the same event', () => {
    const known = new Map([['evt_00000001', anEvent(1).template.at(7).replace('12:00:01', '13:00:01')]]);
    expect(placeEvents([[anEvent(1)]], new Frontier(), known).refused).toEqual([undefined]);
  });

  test('refuses only the request that reuses an id for something else', () => {
    const placed = placeEvents(
      [[anEvent(1)], [anEvent(2), anEvent(1, 'host/x:1')], [anEvent(3)]],
      new Frontier(),
      nothing,
    );
    expect(placed.refused).toEqual([undefined, 'evt_00000001', undefined]);
    expect(placed.rows.map((row) => row.id)).toEqual(['evt_00000001', 'evt_00000003']);
  });
});
