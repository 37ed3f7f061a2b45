import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { busClient } from '@sallyport/bus/client';
import { IdentityService, PrincipalKind } from '@sallyport/contracts/identity/v1/identity';
import { Rest } from '../start/rest.ts';
import { sally } from './sally.ts';
import { SecondScheduler } from './second-scheduler.ts';
import { SignedWebhook } from './signed-webhook.ts';
import { StartedStack, textOf } from './started-stack.ts';

interface ScheduleView {
  readonly id: string;
  readonly name: string;
  readonly grant: string;
  readonly consent_needed: boolean;
  readonly paused: boolean;
  readonly version: number;
  readonly next_at?: string;
}

interface FiringView {
  readonly id: string;
  readonly outcome?: string;
  readonly reason: string;
  readonly run: string;
  readonly due_at: string;
  readonly decided_at?: string;
}

interface EventSeen {
  readonly id: string;
  readonly matched_at?: string;
  readonly firings: readonly FiringView[];
}

let stack: StartedStack;
let second: SecondScheduler;
let count = 0;
const fresh = (word: string): string => `${word}-${++count}`;
const minutes = ['minute-a', 'minute-b', 'minute-c', 'minute-d'] as const;
const demo = { role: 'demo', start: { inline: 'Report on the sales data, then show what you may not do.' } };

beforeAll(async () => {
  stack = await StartedStack.start();
  second = new SecondScheduler(stack);
  await second.start();
  // Every minute, while the other tests do their work.
  const ticking = { cron: '* * * * *', overlap: 'allow', consent: true };
  for (const name of minutes) await stack.rest.put(`/v1/schedules/${name}`, { ...ticking, run: command('true') });
  await stack.rest.put('/v1/schedules/tick', { ...ticking, terms: { max_runs: 1 }, run: demo });
});

afterAll(async () => {
  await second.end();
  await stack.stop();
});

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A command of the CLI that succeeds, and what it answers. */
async function said<T>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await sally(stack, ...args, '-o', 'json');
  if (code !== 0) throw new Error(`sally ${args.join(' ')} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout === '' ? 'null' : stdout) as T;
}

const task = 'append NOTES.md: the schedule was here';
const written = ['--role', 'editor', '--task', task];

const history = async (name: string): Promise<readonly FiringView[]> =>
  (await said<{ items: readonly FiringView[] }>('schedule', 'history', name)).items;

describe('a schedule of the started product', () => {
  test('is made with consent, fired by hand, and its run is on record on behalf of the person', async () => {
    const schedule = await said<ScheduleView>('schedule', 'create', 'nightly', '--cron', '0 2 * * *', ...written);
    expect(schedule).toMatchObject({ name: 'nightly', consent_needed: false });
    const fired = await sally(stack, 'schedule', 'run', 'nightly', '--wait');
    expect([fired.code, fired.stderr]).toEqual([0, '']);
    const [firing] = await history('nightly');
    expect(firing).toMatchObject({ outcome: 'started' });
    const run = await stack.ended(firing?.run ?? '');
    expect(run).toMatchObject({ state: 'completed', verdict: 'succeeded' });
    const items = await stack.audited(run.id, ['grant.used', 'trigger.fired', 'run.accepted', 'exchange.dispatch']);
    expect(items.find(({ kind }) => kind === 'trigger.fired')?.actors).toEqual([schedule.id]);
    expect(await said<{ used_runs: number }>('grant', 'get', schedule.grant)).toMatchObject({ used_runs: 1 });
  });

  test('is refused once it was edited by somebody who did not consent, and goes on after consent', async () => {
    await said('schedule', 'create', 'edited', '--cron', '@daily', ...written);
    const edited = await said<ScheduleView>('schedule', 'edit', 'edited', '--cron', '@hourly', '--no-consent');
    expect(edited).toMatchObject({ consent_needed: true, version: 3 });
    const refused = await sally(stack, 'schedule', 'run', 'edited', '-o', 'json');
    expect(refused.code).toBe(6);
    expect(JSON.parse(refused.stdout)).toMatchObject({ outcome: 'refused', reason: 'consent_needed', run: '' });
    await said('schedule', 'consent', 'edited', '--max-runs', '1');
    expect(await said<FiringView>('schedule', 'run', 'edited')).toMatchObject({ outcome: 'started' });
  });

  test('is paused, resumed, shown with its next times and removed; its history stays', async () => {
    const { id } = await said<ScheduleView>('schedule', 'create', 'kept', '--cron', '30 2 * * *', ...written);
    expect(await said<ScheduleView>('schedule', 'pause', 'kept')).toMatchObject({ paused: true });
    expect((await said<ScheduleView>('schedule', 'resume', 'kept')).next_at).toMatch(/T02:30:00/);
    expect((await said<{ times: readonly string[] }>('schedule', 'next', 'kept', '-n', '2')).times).toHaveLength(2);
    const berlin = ['schedule', 'next', '--cron', '30 2 29 3 *', '--time-zone', 'Europe/Berlin', '-n', '1'];
    expect((await said<{ times: readonly string[] }>(...berlin)).times[0]).toMatch(/-03-29T0[01]:[03]0:00/);
    const { run } = await said<FiringView>('schedule', 'run', 'kept');
    await sally(stack, 'schedule', 'rm', 'kept');
    expect((await sally(stack, 'schedule', 'get', 'kept')).code).toBe(5);
    expect(await history(id)).toMatchObject([{ run }]);
  });

  test('comes from a file with the role it has, and an unknown kind changes nothing', async () => {
    const file = join(stack.data, 'things.yaml');
    const {
      name: _name,
      version: _version,
      ...role
    } = await stack.rest.get<Record<string, unknown>>('/v1/roles/editor');
    const documents = [
      { kind: 'Role', ...role, name: 'reporter' },
      { kind: 'Schedule', name: 'reports', cron: '0 6 * * MON', run: { role: 'reporter', start: { inline: task } } },
    ];
    writeFileSync(file, [...documents, { kind: 'Cron', name: 'x' }].map((one) => JSON.stringify(one)).join('\n---\n'));
    expect((await sally(stack, 'apply', '-f', file)).code).toBe(2);
    expect((await sally(stack, 'role', 'get', 'reporter')).code).toBe(5);
    writeFileSync(file, documents.map((one) => JSON.stringify(one)).join('\n---\n'));
    const applied = await sally(stack, 'apply', '-f', file, '--consent');
    expect([applied.code, applied.stderr]).toEqual([0, '']);
    expect(await said<ScheduleView>('schedule', 'get', 'reports')).toMatchObject({ consent_needed: false });
    expect(await said<FiringView>('schedule', 'run', 'reports')).toMatchObject({ outcome: 'started' });
  });
});

const command = (...argv: readonly string[]) => ({
  runner: 'exec',
  argv,
  start: { inline: 'e2e' },
  profile: stack.profile,
});

const subscribe = (by: Rest, name: string, change: object): Promise<{ readonly id: string; readonly grant: string }> =>
  by.put(`/v1/subscriptions/${name}`, { overlap: 'allow', consent: true, ...change });

const sendEvent = async (type: string, id: string): Promise<string> =>
  (await stack.rest.post<EventSeen>('/v1/events', { id: `${type} ${id}`, source: '/e2e', type })).id;

const fireNow = (name: string, key = fresh('key')): Promise<FiringView> =>
  stack.rest
    .raw('POST', `/v1/schedules/${name}:run`, {}, { 'idempotency-key': key })
    .then(async (answer) => (await answer.json()) as FiringView);

/** Firings of an event once it was seen to and each is decided. */
const firingsOf = (event: string): Promise<readonly FiringView[]> =>
  until(async () => {
    const { matched_at: matched, firings } = await stack.rest.get<EventSeen>(`/v1/events/${event}`);
    return matched !== undefined && firings.every(({ outcome }) => outcome !== undefined) ? firings : undefined;
  });

const firstOf = async (event: Promise<string>): Promise<FiringView> => {
  const [firing, ...more] = await firingsOf(await event);
  if (firing === undefined || more.length > 0) throw new Error(`${more.length + 1} firings are not one`);
  return firing;
};

/** Sandboxes that were given a token for a run, once the log tells of one. */
const startsOf = async (run: string): Promise<number> =>
  (await stack.audited(run, ['exchange.dispatch'])).filter(({ kind }) => kind === 'exchange.dispatch').length;

describe('the demo role', () => {
  const ways: readonly [string, string, () => Promise<string>][] = [
    // The first, so that its one run is over before another wants the workspace it writes.
    [
      'by the clock, on the grant of a schedule',
      'grant',
      async () => {
        const firing = await until(async () => (await history('tick')).find(({ outcome }) => outcome === 'started'));
        expect(Date.parse(firing.due_at) % 60_000).toBe(0);
        expect(Date.parse(firing.decided_at ?? '')).toBeGreaterThanOrEqual(Date.parse(firing.due_at));
        return firing.run;
      },
    ],
    [
      'now, in a person’s session',
      'manual',
      async () => (await stack.create({ role: 'demo', task: demo.start.inline })).id,
    ],
    [
      'by hand, on the grant of a schedule',
      'grant',
      async () => {
        await stack.rest.put('/v1/schedules/by-hand', { cron: '@yearly', consent: true, run: demo });
        return (await fireNow('by-hand')).run;
      },
    ],
    [
      'by an event, on the grant of a subscription',
      'grant',
      async () => {
        await subscribe(stack.rest, 'by-event', { types: ['demo.wanted'], run: demo });
        return (await firstOf(sendEvent('demo.wanted', '1'))).run;
      },
    ],
    [
      'by a signed webhook, on the grant of a subscription',
      'grant',
      async () => {
        const webhook = await SignedWebhook.make(stack, 'demo-hook');
        await subscribe(stack.rest, 'by-webhook', { types: ['push'], source: '/webhooks/demo-hook', run: demo });
        const { status, event = '' } = await webhook.deliver('msg_1', { type: 'push' });
        expect(status).toBe(202);
        return (await firstOf(Promise.resolve(event))).run;
      },
    ],
  ];

  test.each(ways)('starts %s, does its work, and is refused what it may not do', async (_way, how, start) => {
    const run = await stack.ended(await start());
    expect(run).toMatchObject({ state: 'completed', verdict: 'succeeded' });
    const text = (await stack.events(run.id)).map((event) => textOf(event, 'text')).join('\n');
    expect(text).toMatch(/read-only file system/i);
    expect(text).toContain('host_not_allowed');
    const items = await stack.audited(run.id, ['exchange.dispatch']);
    expect(items.filter(({ kind }) => kind === 'grant.used')).toHaveLength(how === 'grant' ? 1 : 0);
  });
});

describe('a grant that is no good any more', () => {
  /** A person with a key of their own. */
  async function aPerson(): Promise<{ readonly id: string; readonly key: string; readonly rest: Rest }> {
    const operator = busClient(await stack.bus('operator'), 'identity', IdentityService);
    const who = { org: 'acme', kind: PrincipalKind.USER, name: 'P', email: `${fresh('person')}@example.org` };
    const id = (await operator.ensurePrincipal(who)).principal?.id ?? '';
    const wanted = { org: 'acme', environment: 'main', principal: id, name: 'e2e', scopes: ['*'] };
    const { key, secret } = await operator.createApiKey(wanted);
    return { id, key: key?.id ?? '', rest: new Rest(stack.rest.url, secret) };
  }

  interface Given {
    readonly by: Awaited<ReturnType<typeof aPerson>>;
    readonly schedule: { readonly name: string; readonly grant: string };
    readonly subscription: { readonly name: string; readonly grant: string };
  }

  const edited = { overlap: 'allow', consent: false };
  const troubles: readonly [string, string, (given: Given) => Promise<unknown>][] = [
    [
      'the person is disabled',
      'identity.principal_disabled',
      async ({ by }) => {
        const api = busClient(await stack.bus('api'), 'identity', IdentityService);
        const { token } = await api.openSession({ secret: stack.rest.token, audience: 'identity' });
        await api.setPrincipalDisabled({ principal: by.id, disabled: true }, { token });
      },
    ],
    ['the right is lost', 'identity.grant_right_lost', ({ by }) => stack.rest.post(`/v1/keys/${by.key}:revoke`, {})],
    [
      'it is revoked',
      'identity.grant_revoked',
      ({ schedule, subscription }) =>
        Promise.all([schedule, subscription].map(({ grant }) => sally(stack, 'grant', 'revoke', grant))),
    ],
    [
      'it is edited',
      'consent_needed',
      ({ by, schedule, subscription }) =>
        Promise.all([
          by.rest.put(`/v1/schedules/${schedule.name}`, { ...edited, cron: '@daily', run: command('false') }),
          by.rest.put(`/v1/subscriptions/${subscription.name}`, {
            ...edited,
            types: [subscription.name],
            run: command('false'),
          }),
        ]),
    ],
    [
      'it is spent',
      'identity.grant_spent',
      async ({ schedule, subscription }) => {
        const hand = await fireNow(schedule.name);
        const event = await firstOf(sendEvent(subscription.name, 'spends'));
        for (const { outcome, run } of [hand, event]) {
          expect(outcome).toBe('started');
          await stack.ended(run);
        }
      },
    ],
  ];

  test.each(troubles)(
    'because %s starts nothing: by hand, by an event, by a signed webhook',
    async (_what, reason, make) => {
      const by = await aPerson();
      const [name, hook] = [fresh('own'), fresh('hook')];
      const terms = { max_runs: 1 };
      const more = { overlap: 'allow', consent: true, terms, run: command('true') };
      const schedule = await by.rest.put<{ grant: string }>(`/v1/schedules/${name}`, { cron: '@yearly', ...more });
      const webhook = await SignedWebhook.make(stack, hook);
      // One subscription hears both: what a person of theirs sends, and what comes signed.
      const subscription = await subscribe(by.rest, name, { ...more, types: [name] });
      await make({ by, schedule: { name, grant: schedule.grant }, subscription: { name, grant: subscription.grant } });
      const refused = { outcome: 'refused', reason, run: '' };
      expect(await fireNow(name)).toMatchObject(refused);
      expect(await firstOf(sendEvent(name, 'refused'))).toMatchObject(refused);
      const { event = '' } = await webhook.deliver('msg_1', { type: name });
      expect(await firstOf(Promise.resolve(event))).toMatchObject(refused);
    },
  );
});

describe('two schedulers', () => {
  const times = [1, 2, 3, 4, 5, 6];

  test('that are handed the same key, event and webhook at once and again start one run for each', async () => {
    const [name, hook] = [fresh('twice'), fresh('hook')];
    const run = command('true');
    await stack.rest.put(`/v1/schedules/${name}`, { cron: '@yearly', overlap: 'allow', consent: true, run });
    const { grant } = await subscribe(stack.rest, name, { types: [name], run });
    const webhook = await SignedWebhook.make(stack, hook);
    const ids = new Set<string>();
    const runs: string[] = [];
    for (const round of ['at once', 'again']) {
      const fired = await Promise.all(times.map(() => fireNow(name, 'one')));
      const sent = await Promise.all(times.map(() => sendEvent(name, 'one')));
      const delivered = await Promise.all(times.map(() => webhook.deliver('msg_1', { type: name })));
      expect(new Set(fired.map(({ id }) => id)).size).toBe(1);
      expect([round, delivered.filter(({ status }) => status === 202).length]).toEqual([
        round,
        round === 'at once' ? 1 : 0,
      ]);
      for (const id of [...sent, ...delivered.map(({ event = '' }) => event)]) ids.add(id);
    }
    expect(ids.size).toBe(2);
    const [byHand, ...more] = await until(async () => {
      const found = await history(name);
      return found.every(({ outcome }) => outcome !== undefined) ? found : undefined;
    });
    expect(more).toEqual([]);
    for (const firing of [byHand, ...(await Promise.all([...ids].map((id) => firstOf(Promise.resolve(id)))))])
      runs.push(firing?.run ?? '');
    for (const id of runs) {
      expect(await stack.ended(id)).toMatchObject({ state: 'completed', verdict: 'succeeded' });
      expect(await startsOf(id)).toBe(1);
    }
    expect(new Set(runs).size).toBe(3);
    expect(await said<{ used_runs: number }>('grant', 'get', grant)).toMatchObject({ used_runs: 2 });
  });

  test('start each minute of a schedule once', async () => {
    const all = await until(async () => {
      const found = await Promise.all(minutes.map(history));
      return found.every((own) => own.some(({ outcome }) => outcome === 'started')) ? found : undefined;
    });
    for (const name of minutes) await sally(stack, 'schedule', 'rm', name);
    for (const own of all) {
      expect(new Set(own.map(({ due_at: due }) => due)).size).toBe(own.length);
      for (const { run } of own.filter(({ outcome }) => outcome === 'started')) {
        expect(await stack.ended(run)).toMatchObject({ state: 'completed' });
        expect(await startsOf(run)).toBe(1);
      }
    }
  });
});
