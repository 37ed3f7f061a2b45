import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { busClient } from '@sallyport/bus/client';
import { IdentityService, PrincipalKind } from '@sallyport/contracts/identity/v1/identity';
import { MountMode, TriggerKind, type Unit, UnitSchema } from '@sallyport/contracts/unit/v1/unit';
import type { Caller } from '@sallyport/core/access';
import { newId } from '@sallyport/core/ids';
import { Rest } from '../start/rest.ts';
import { sally } from './sally.ts';
import { type RunView, StartedStack } from './started-stack.ts';

interface Schedule {
  readonly id: string;
  readonly grant: string;
  readonly spec_hash: string;
  readonly consent_needed: boolean;
}

interface Firing {
  readonly outcome?: string;
  readonly reason: string;
  readonly run: string;
}

interface Grant {
  readonly id: string;
  readonly state: string;
  readonly reason: string;
  readonly subject: string;
  readonly used_runs: number;
}

interface Logged {
  readonly time: string;
  readonly kind: string;
  readonly reason: string;
  readonly run: string;
  readonly resource: string;
  readonly facts: Readonly<Record<string, string>>;
}

/** A person of the org with a key of their own. */
interface Person {
  readonly id: string;
  readonly key: string;
  readonly rest: Rest;
}

let stack: StartedStack;
let count = 0;

beforeAll(async () => {
  stack = await StartedStack.start();
});
afterAll(() => stack.stop());

const identity = async (caller: Caller) => busClient(await stack.bus(caller), 'identity', IdentityService);

async function aPerson(): Promise<Person> {
  const operator = await identity('operator');
  const email = `person-${++count}@example.org`;
  const { principal } = await operator.ensurePrincipal({ org: 'acme', kind: PrincipalKind.USER, name: 'P', email });
  const id = principal?.id ?? '';
  const wanted = { org: 'acme', environment: 'main', principal: id, name: 'e2e', scopes: ['*'] };
  const { key, secret } = await operator.createApiKey(wanted);
  return { id, key: key?.id ?? '', rest: new Rest(stack.rest.url, secret) };
}

/** A session of the administrator for identity. */
async function admin(): Promise<{ readonly token: string }> {
  const api = await identity('api');
  return { token: (await api.openSession({ secret: stack.rest.token, audience: 'identity' })).token };
}

const command = (argv: readonly string[]) => ({
  runner: 'exec',
  argv,
  start: { inline: 'e2e' },
  profile: stack.profile,
});

const apply = (by: Person, name: string, change: object = {}): Promise<Schedule> =>
  by.rest.put<Schedule>(`/v1/schedules/${name}`, {
    cron: '0 3 1 1 *',
    run: command(['true']),
    overlap: 'allow',
    consent: true,
    ...change,
  });

const fire = (by: Person, name: string): Promise<Firing> => by.rest.post<Firing>(`/v1/schedules/${name}:run`, {});
const grantOf = (by: Person, id: string): Promise<Grant> => by.rest.get<Grant>(`/v1/grants/${id}`);

async function logged(query: string): Promise<readonly Logged[]> {
  const page = await stack.rest.get<{ readonly items: readonly Logged[] }>(`/v1/audit/events?limit=200&${query}`);
  return page.items;
}

/** What the log says of something, once it says it that often; most of it comes by the outbox. */
async function said(
  query: string,
  of: (event: Logged) => boolean,
  atLeast = 1,
): Promise<readonly [Logged, ...Logged[]]> {
  for (;;) {
    const [first, ...rest] = (await logged(query)).filter(of);
    if (first !== undefined && rest.length + 1 >= atLeast) return [first, ...rest];
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function denials(grant: string, atLeast: number): Promise<readonly string[]> {
  const all = await said('kind=grant.denied', ({ resource }) => resource === `grant/${grant}`, atLeast);
  return all.map(({ reason }) => reason);
}

/** What the scheduler would send for a firing, were it somebody else. */
function aUnit(by: Person, schedule: Schedule, subject = by.id): Unit {
  return create(UnitSchema, {
    run: newId('run', Date.now()),
    task: newId('task', Date.now()),
    identity: { org: 'acme', environment: 'main', subject, launcher: schedule.id },
    runner: 'exec',
    argv: ['true'],
    profile: 'default',
    trigger: { kind: TriggerKind.CRON, reference: 'x', source: schedule.id, grant: schedule.grant },
    start: { start: { case: 'inline', value: 'x' } },
  });
}

const shown = ({ id, spec_hash: specHash }: Schedule, name: string) => ({ kind: 'schedule', id, specHash, name });

describe('a schedule on a grant', () => {
  test('runs on behalf of who consented, and not beyond the last run', async () => {
    const by = await aPerson();
    const schedule = await apply(by, 'thrice', { terms: { max_runs: 3 } });
    for (const _ of [1, 2, 3]) {
      const { run } = await fire(by, 'thrice');
      expect(await stack.ended(run)).toMatchObject({ state: 'completed', subject: by.id });
    }
    expect(await fire(by, 'thrice')).toMatchObject({ outcome: 'refused', reason: 'identity.grant_spent', run: '' });
    expect(await grantOf(by, schedule.grant)).toMatchObject({ state: 'spent', used_runs: 3, subject: by.id });
    expect(await denials(schedule.grant, 1)).toEqual(['identity.grant_spent']);
    const cli = await sally(stack, 'grant', 'ls');
    expect(cli.stdout).toMatch(new RegExp(`${schedule.grant} +spent +schedule/thrice +3/3`));
  });

  test('needs consent again once it is edited', async () => {
    const by = await aPerson();
    const first = await apply(by, 'edited');
    const edited = await apply(by, 'edited', { run: command(['false']), consent: false });
    expect(edited).toMatchObject({ consent_needed: true });
    expect(await fire(by, 'edited')).toMatchObject({ outcome: 'refused', run: '' });
    // A scheduler that went on all the same is refused by identity.
    const scheduler = await identity('scheduler');
    const refused = scheduler.authorizeFiring({
      unit: aUnit(by, first),
      trigger: { ...shown(first, 'edited'), specHash: edited.spec_hash },
    });
    await expect(refused).rejects.toMatchObject({ reason: 'identity.grant_changed' });
    await by.rest.post('/v1/schedules/edited:consent', { spec_hash: edited.spec_hash });
    expect(await fire(by, 'edited')).toMatchObject({ outcome: 'started' });
    expect(await grantOf(by, first.grant)).toMatchObject({ state: 'replaced' });
  });

  test('is refused once the person is disabled', async () => {
    const by = await aPerson();
    await apply(by, 'disabled');
    const api = await identity('api');
    await api.setPrincipalDisabled({ principal: by.id, disabled: true }, await admin());
    const other = await aPerson();
    expect(await fire(other, 'disabled')).toMatchObject({ outcome: 'refused', reason: 'identity.principal_disabled' });
  });

  test('is refused once the key it was consented to by is revoked', async () => {
    const by = await aPerson();
    await apply(by, 'keyless');
    await stack.rest.post(`/v1/keys/${by.key}:revoke`, {});
    const other = await aPerson();
    expect(await fire(other, 'keyless')).toMatchObject({ outcome: 'refused', reason: 'identity.grant_right_lost' });
  });

  test('is of no use to another service, another user or another schedule', async () => {
    const [by, victim] = [await aPerson(), await aPerson()];
    const schedule = await apply(by, 'stolen');
    for (const caller of ['api', 'runtime', 'workspace', 'egress', 'audit', 'operator'] as const) {
      const thief = (await identity(caller)).authorizeFiring({
        unit: aUnit(by, schedule),
        trigger: shown(schedule, 'stolen'),
      });
      await expect(thief).rejects.toMatchObject({ reason: 'bus.caller' });
    }
    const scheduler = await identity('scheduler');
    const swapped = { unit: aUnit(by, schedule, victim.id), trigger: shown(schedule, 'stolen') };
    await expect(scheduler.authorizeFiring(swapped)).rejects.toMatchObject({ reason: 'identity.grant_subject' });
    const other = await apply(victim, 'others');
    const crossed = { unit: aUnit(victim, { ...other, grant: schedule.grant }), trigger: shown(other, 'others') };
    await expect(scheduler.authorizeFiring(crossed)).rejects.toMatchObject({ reason: 'identity.grant_trigger' });
    const wider = aUnit(by, schedule);
    wider.mounts.push(...create(UnitSchema, { mounts: [{ workspace: 'demo', mode: MountMode.RW }] }).mounts);
    const mounted = { unit: wider, trigger: shown(schedule, 'stolen') };
    await expect(scheduler.authorizeFiring(mounted)).rejects.toMatchObject({ reason: 'identity.grant_mounts' });
    expect(await grantOf(by, schedule.grant)).toMatchObject({ used_runs: 0 });
    expect(await denials(schedule.grant, 3)).toHaveLength(3);
  });
});

/** Ends the grant of a run that would go on for longer than this test may take, and waits for its end. */
async function endedWith(by: Person, name: string, end: (grant: string) => Promise<unknown>): Promise<void> {
  const long = {
    ...command(['sh', '-c', 'echo begun; echo lost > /workspace/demo/lost; sleep 3000']),
    mounts: [{ workspace: 'demo', mode: 'rw' }],
  };
  const schedule = await apply(by, name, { run: long });
  const { run } = await fire(by, name);
  await stack.wrote(run, 'begun');
  await end(schedule.grant);
  const ended: RunView = await stack.ended(run);
  expect(ended).toMatchObject({ state: 'cancelled', commits: [] });
  const [revoked] = await said('kind=grant.revoked', ({ resource }) => resource === `grant/${schedule.grant}`);
  const [stopping] = await said(`kind=runtime.transition&run=${run}`, ({ facts }) => facts['state'] === 'stopping');
  expect(Date.parse(stopping.time)).toBeGreaterThanOrEqual(Date.parse(revoked.time));
}

describe('a live run', () => {
  test.each<[string, (by: Person, name: string) => (grant: string) => Promise<unknown>]>([
    ['grant is revoked', () => (grant) => sally(stack, 'grant', 'revoke', grant)],
    ['schedule is removed', (by, name) => () => by.rest.raw('DELETE', `/v1/schedules/${name}`)],
  ])('ends uncommitted once its %s', async (what, how) => {
    const by = await aPerson();
    const name = what.split(' ')[0] ?? '';
    await endedWith(by, name, how(by, name));
  });
});
