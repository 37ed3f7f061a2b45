import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { subscribe } from '@sallyport/bus/events';
import { type Event, EventSchema } from '@sallyport/contracts/audit/v1/audit';
import { callers } from '@sallyport/core/access';
import { auditKinds } from '@sallyport/core/audit-kinds';
import { type AuditCaller, anEvent, type EventInit, World } from './world.ts';

let world: World;
let egress: AuditCaller;
let api: AuditCaller;

beforeAll(async () => {
  world = await World.make();
  egress = await world.as('egress');
  api = await world.as('api');
});
afterAll(() => world.close());

/** Every event of an org, through the front door. */
async function eventsOf(org: string): Promise<Event[]> {
  const token = await world.issuer.session('audit', { org });
  const found: Event[] = [];
  for (let fromSeq = 0n; ; ) {
    const page = await api.query({ fromSeq, pageSize: 1000 }, { token });
    found.push(...page.events);
    if (page.end) return found;
    fromSeq = page.nextSeq;
  }
}

describe('append', () => {
  test('gives places without a gap, whoever comes first', async () => {
    const org = 'gapless';
    const scheduler = await world.as('scheduler');
    await Promise.all(
      Array.from({ length: 100 }, (_, at) =>
        at % 2 === 0
          ? egress.append({ events: [anEvent('egress.deny', { org }), anEvent('egress.allow', { org })] })
          : scheduler.append({ events: [anEvent('run.accepted', { org })] }),
      ),
    );
    const events = await eventsOf(org);
    expect(events.map((event) => event.seq)).toEqual(Array.from({ length: 150 }, (_, at) => BigInt(at)));
    expect(new Set(events.map((event) => event.producer))).toEqual(new Set(['egress', 'scheduler']));
  });

  test('stores an event once however often it is said', async () => {
    const event = anEvent('egress.deny', { org: 'once' });
    await Promise.all([egress.append({ events: [event, event] }), egress.append({ events: [event] })]);
    await egress.append({
      events: [{ ...event, time: '2026-11-21T00:00:00.000000Z' }, anEvent('egress.deny', { org: 'once' })],
    });
    expect((await eventsOf('once')).map((each) => each.id).filter((id) => id === event.id)).toHaveLength(1);
    expect(await eventsOf('once')).toHaveLength(2);
  });

  test('refuses another event under an id it holds, and stores nothing of that request', async () => {
    const org = 'reuse';
    const event = anEvent('egress.deny', { org });
    await egress.append({ events: [event] });
    const innocent = egress.append({ events: [anEvent('egress.allow', { org })] });
    const guilty = egress.append({
      events: [anEvent('egress.allow', { org }), { ...event, resource: 'host/other:443' }],
    });
    await expect(guilty).rejects.toMatchObject({ code: 'already_exists', reason: 'audit.id_reused' });
    await innocent;
    expect(await eventsOf(org)).toHaveLength(2);
  });

  test('tells listeners of every event once it is durable, in order', async () => {
    const listener = await world.bus.connect('api');
    const heard: bigint[] = [];
    let done: () => void = () => undefined;
    const all = new Promise<void>((resolve) => (done = resolve));
    const subscription = subscribe(listener, 'audit.v1.tail.*.event', EventSchema, ({ subject, message }) => {
      heard.push(message.seq);
      if (subject === 'audit.v1.tail._.event') done();
    });
    await subscription.ready;
    await egress.append({ events: [anEvent('egress.deny', { org: 'tail' }), anEvent('egress.deny', { org: 'tail' })] });
    await egress.append({ events: [anEvent('egress.deny', { org: 'tail', environment: '' })] });
    await all;
    subscription.stop();
    expect(heard).toEqual([0n, 1n, 2n]);
  });
});

describe('a producer', () => {
  test.each(Object.entries(auditKinds))('may say %s only when it is %s', async (kind, owner) => {
    const org = 'owners';
    for (const caller of callers) {
      const said = (await world.as(caller)).append({ events: [anEvent(kind, { org })] });
      if (caller === owner) await said;
      else await expect(said).rejects.toMatchObject({ code: 'permission_denied', reason: 'audit.foreign_kind' });
    }
  });

  test('that speaks for another is recorded, and its event is not', async () => {
    const org = 'imposter';
    const event = anEvent('workspace.commit', { org });
    await expect(egress.append({ events: [event] })).rejects.toMatchObject({ reason: 'audit.foreign_kind' });
    const claim = egress.append({ events: [anEvent('egress.allow', { org, producer: 'workspace' })] });
    await expect(claim).rejects.toMatchObject({ reason: 'audit.foreign_kind' });
    const events = await eventsOf(org);
    expect(events.map(({ kind, reason }) => [kind, reason])).toEqual([
      ['log.denied', 'audit.foreign_kind'],
      ['log.denied', 'audit.foreign_kind'],
    ]);
    expect(events[0]?.facts).toEqual({ caller: 'egress', kind: 'workspace.commit' });
  });

  test.each<[string, string, EventInit]>([
    ['audit.unknown_kind', 'an unknown kind', { kind: 'egress.maybe' }],
    ['audit.unknown_kind', 'a kind that is a property of every object', { kind: 'toString' }],
    ['audit.malformed_event', 'a fact over 256 characters', { facts: { a: 'x'.repeat(257) } }],
    ['audit.malformed_event', 'an org of wrong characters', { org: '../acme' }],
    ['audit.malformed_event', 'an org that is a wildcard', { org: '*' }],
    ['audit.malformed_event', 'no org', { org: '' }],
    ['audit.malformed_event', 'free text for a reason', { reason: 'because of this' }],
    ['audit.malformed_event', 'a terminal escape', { resource: 'host/\u001b[31m:443' }],
    [
      'audit.malformed_event',
      'more than fits an entry',
      { facts: Object.fromEntries(Array.from({ length: 32 }, (_, at) => [`f${at}`, 'ü'.repeat(256)])) },
    ],
  ])('is refused with %s for %s, together with what came along', async (reason, _, init) => {
    const events = [anEvent('egress.deny', { org: 'refused' }), anEvent('egress.deny', { org: 'refused', ...init })];
    await expect(egress.append({ events })).rejects.toMatchObject({ code: 'invalid_argument', reason });
    expect(await eventsOf('refused')).toEqual([]);
  });

  test('is refused for more than a thousand events at once', async () => {
    const events = Array.from({ length: 1001 }, () => anEvent('egress.deny', { org: 'flood' }));
    await expect(egress.append({ events })).rejects.toMatchObject({ reason: 'audit.batch_too_large' });
  });
});
