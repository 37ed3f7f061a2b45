import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sally } from './sally.ts';
import { StartedStack } from './started-stack.ts';

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

interface AuditView {
  readonly kind: string;
  readonly run: string;
  readonly outcome?: string;
  readonly actors: readonly string[];
}

let stack: StartedStack;

beforeAll(async () => {
  stack = await StartedStack.start();
}, 60_000);

afterAll(() => stack.stop());

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
    const { items } = await stack.rest.get<{ items: readonly AuditView[] }>(`/v1/audit/events?run=${run.id}&limit=200`);
    const kinds = items.map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['grant.used', 'trigger.fired', 'run.accepted', 'exchange.dispatch']));
    expect(items.find(({ kind }) => kind === 'trigger.fired')?.actors).toEqual([schedule.id]);
    expect(await said<{ used_runs: number }>('grant', 'get', schedule.grant)).toMatchObject({ used_runs: 1 });
  }, 90_000);

  test('fires by the clock, never early, once a minute', async () => {
    await said('schedule', 'create', 'tick', '--cron', '* * * * *', '--overlap', 'allow', ...written);
    let found: readonly FiringView[] = [];
    while (!found.some(({ outcome }) => outcome === 'started')) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      found = await history('tick');
    }
    const [firing] = found;
    expect(Date.parse(firing?.due_at ?? '') % 60_000).toBe(0);
    expect(Date.parse(firing?.decided_at ?? '')).toBeGreaterThanOrEqual(Date.parse(firing?.due_at ?? ''));
    expect(new Set(found.map(({ due_at: due }) => due)).size).toBe(found.length);
    expect(await stack.ended(firing?.run ?? '')).toMatchObject({ state: 'completed' });
    await sally(stack, 'schedule', 'rm', 'tick');
  }, 120_000);

  test('is refused once it was edited by somebody who did not consent, and goes on after consent', async () => {
    await said('schedule', 'create', 'edited', '--cron', '@daily', ...written);
    const edited = await said<ScheduleView>('schedule', 'edit', 'edited', '--cron', '@hourly', '--no-consent');
    expect(edited).toMatchObject({ consent_needed: true, version: 3 });
    const refused = await sally(stack, 'schedule', 'run', 'edited', '-o', 'json');
    expect(refused.code).toBe(6);
    expect(JSON.parse(refused.stdout)).toMatchObject({ outcome: 'refused', reason: 'consent_needed', run: '' });
    await said('schedule', 'consent', 'edited', '--max-runs', '1');
    expect(await said<FiringView>('schedule', 'run', 'edited')).toMatchObject({ outcome: 'started' });
  }, 60_000);

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
  }, 60_000);

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
  }, 60_000);
});
