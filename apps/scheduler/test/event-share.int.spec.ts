import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { Log } from '@sallyport/service/log';
import { type TestDatabase, testDatabase } from '@sallyport/testkit/postgres';
import type { SchedulerConfig } from '../src/config.ts';
import { EventStore } from '../src/events/event.store.ts';
import type { StoredEvent } from '../src/events/event.ts';
import { EventMatcher } from '../src/events/event-matcher.ts';
import type { MatchEvent } from '../src/events/match-event.ts';

/** Finds nobody who wants an event, and does not come to an end with those of one org. */
class FakeMatch implements Pick<MatchEvent, 'execute' | 'close'> {
  readonly began: string[] = [];
  #end: () => void = () => undefined;
  readonly #ended = new Promise<void>((resolve) => (this.#end = resolve));
  readonly #heard = new Map<string, () => void>();

  async execute({ id, org }: StoredEvent): Promise<void> {
    this.began.push(org);
    this.#heard.get(id)?.();
    if (org === 'costly') await this.#ended;
  }

  close(): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  sees(id: string): Promise<void> {
    return new Promise((resolve) => this.#heard.set(id, resolve));
  }
}

const events = new EventStore();
let database: TestDatabase;
let match: FakeMatch;
let matcher: EventMatcher;

beforeEach(async () => {
  database = await testDatabase('scheduler');
  match = new FakeMatch();
  matcher = new EventMatcher(
    database.store,
    events,
    match as unknown as MatchEvent,
    systemClock,
    new Log('scheduler', 'silent'),
    { SALLY_SWEEP_MS: 20 } as SchedulerConfig,
  );
});

afterEach(async () => {
  await matcher.onModuleDestroy();
  await database.close();
});

function anEvent(org: string): StoredEvent {
  const now = systemClock.now();
  const id = newId('event', now);
  const cloud = { id, source: '/s', type: 't', subject: '', time: undefined, dataContentType: '', data: Buffer.of() };
  return {
    id,
    org,
    environment: 'prod',
    producer: 'p',
    cloud: { ...cloud, extensions: {} },
    receivedAt: now,
    matchedAt: undefined,
  };
}

test('an org whose events come to no end leaves room to look at the event of another', () => {
  for (let count = 0; count < 100; count++) matcher.begin(anEvent('costly'));
  matcher.begin(anEvent('other'));
  expect(match.began.filter((org) => org === 'other')).toHaveLength(1);
  expect(match.began.length).toBeGreaterThan(4);
});

test('a backlog of events that come to no end is passed over for the event of another org that was due later', async () => {
  const late = anEvent('other');
  const seen = match.sees(late.id);
  await database.store.system(async (db) => {
    for (let count = 0; count < 100; count++) await events.insert(db, anEvent('costly'), count);
    await events.insert(db, late, 1_000);
  });
  matcher.onApplicationBootstrap();
  await seen;
  expect(match.began.filter((org) => org === 'costly').length).toBeLessThan(100);
});
