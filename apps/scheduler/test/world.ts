/** The scheduler on a real bus and a real Postgres, with stand-ins for the services around it. */

import { equals } from '@bufbuild/protobuf';
import { busClient } from '@sallyport/bus/client';
import type { BusClient, CallOptions } from '@sallyport/bus/handlers';
import type { TeamAccount } from '@sallyport/bus/teams';
import { AuditService, type Event, EventSchema } from '@sallyport/contracts/audit/v1/audit';
import { type Run, type RunState, ScheduleService } from '@sallyport/contracts/schedule/v1/schedule';
import { FiringOutcome, type Event as HeldEvent, TriggerService } from '@sallyport/contracts/schedule/v1/trigger';
import { Dialect, MountMode } from '@sallyport/contracts/unit/v1/unit';
import { fakePeer } from '@sallyport/testkit/fake-peer';
import { TestIssuer } from '@sallyport/testkit/issuer';
import { type TestBus, testBus } from '@sallyport/testkit/nats';
import { patientClient } from '@sallyport/testkit/patient-client';
import { type TestDatabase, testDatabase } from '@sallyport/testkit/postgres';
import { type HostedService, hostService } from '@sallyport/testkit/service';
import { ServiceChild } from '@sallyport/testkit/service-child';
import { schedulerEnv } from '../src/config.ts';
import { SchedulerModule } from '../src/scheduler.module.ts';
import { FakeIdentity } from './fake-identity.ts';
import { FakeRuntime } from './fake-runtime.ts';
import { FakeWorkspace } from './fake-workspace.ts';

export interface World {
  readonly bus: TestBus;
  readonly database: TestDatabase;
  readonly issuer: TestIssuer;
  readonly identity: FakeIdentity;
  readonly runtime: FakeRuntime;
  readonly workspace: FakeWorkspace;
  readonly audited: Event[];
  /** The scheduler as the api calls it. */
  readonly api: BusClient<typeof ScheduleService>;
  readonly triggers: BusClient<typeof TriggerService>;
  /** Options of a call as a person of an org. */
  as(claims?: Parameters<TestIssuer['session']>[1]): Promise<CallOptions>;
  close(): Promise<void>;
}

/** Quick to look, and patient: what must not run out in a test does not, however slow the machine. */
export const quick = {
  SALLY_OFFER_MS: '60000',
  SALLY_LEASE_MS: '60000',
  SALLY_LOOK_MS: '100',
  SALLY_EDGE_LOST_MS: '3600000',
  SALLY_QUEUE_MS: '3600000',
  SALLY_REPORT_MS: '3600000',
  SALLY_MARGIN_MS: '1000',
  SALLY_MISFIRE_MS: '1800000',
  SALLY_SWEEP_MS: '50',
} as const;

/** Offers and leases that run out within a test, which does not mind when. */
export const brief = { SALLY_OFFER_MS: '1500', SALLY_LEASE_MS: '1500' } as const;

/** Bus, database and stand-ins, without the scheduler itself, whose death a call outlives by no more than its client's patience. */
export async function surroundings(
  teams: readonly TeamAccount[] = [],
  client = busClient,
): Promise<Omit<World, 'close'> & { close(): Promise<void> }> {
  const [bus, database, issuer] = await Promise.all([testBus(teams), testDatabase('scheduler'), TestIssuer.create()]);
  const [identity, runtime, workspace] = [new FakeIdentity(), new FakeRuntime(), new FakeWorkspace()];
  const audited: Event[] = [];
  await identity.serve(await bus.connect('identity'));
  await runtime.serve(await bus.connect('runtime'), client);
  await workspace.serve(await bus.connect('workspace'));
  await fakePeer(await bus.connect('audit'), AuditService, {
    append: async ({ events }) => {
      // As audit does: a relay that heard no answer in time sends the same rows again.
      for (const event of events)
        if (!audited.some((each) => each.id === event.id && equals(EventSchema, each, event))) audited.push(event);
      return {};
    },
  });
  const front = await bus.connect('api');
  const api = client(front, 'scheduler', ScheduleService);
  const triggers = client(front, 'scheduler', TriggerService);
  return {
    bus,
    database,
    issuer,
    identity,
    runtime,
    workspace,
    audited,
    api,
    triggers,
    as: async (claims) => ({ token: await issuer.session('scheduler', claims) }),
    close: async () => {
      runtime.silence();
      await bus.close();
      await database.close();
    },
  };
}

/** The scheduler as a process of its own, to be killed. */
export function childOf({ bus, database }: Pick<World, 'bus' | 'database'>): ServiceChild {
  const env = {
    ...quick,
    ...brief,
    SALLY_NATS_URL: bus.url,
    SALLY_NATS_SEED_FILE: bus.seedFile('scheduler'),
    SALLY_DATABASE_URL: database.url,
    SALLY_LOG_LEVEL: 'silent',
  };
  return new ServiceChild({ main: new URL('../src/main.ts', import.meta.url), env });
}

/** All of it, with the scheduler in this process. */
export async function world(
  bounds: Readonly<Record<string, string>> = quick,
  teams: readonly TeamAccount[] = [],
): Promise<World & { hosted: HostedService }> {
  const around = await surroundings(teams, patientClient);
  const hosted = await hostService({
    name: 'scheduler',
    module: SchedulerModule,
    bus: await around.bus.connect('scheduler'),
    verifier: await around.issuer.verifier('scheduler'),
    config: schedulerEnv.parse(bounds),
    store: around.database.store,
    relay: true,
  });
  return {
    ...around,
    hosted,
    close: async () => {
      await hosted.close();
      await around.close();
    },
  };
}

export const aProvider = {
  name: 'scripted',
  dialect: Dialect.ANTHROPIC_MESSAGES,
  baseUrl: 'http://127.0.0.1:9/v1',
  model: 'm',
};

export const aRole = {
  name: 'writer',
  runner: 'native',
  provider: aProvider,
  tools: ['bash'],
  mounts: [{ workspace: 'company', mode: MountMode.RO }],
};

export const aTask = (text = 'write the report') => ({ start: { case: 'inline' as const, value: text } });

/** How long a test waits for what must come; it costs time only where it does not. */
const patienceMs = 120_000;

/** The run once it is in a state; polls, since the states are reached by other processes' doing. */
export async function untilRun(
  given: Pick<World, 'api' | 'as'>,
  id: string,
  wanted: (run: Run) => boolean,
  withinMs = patienceMs,
): Promise<Run> {
  const options = await given.as();
  const deadline = Date.now() + withinMs;
  for (;;) {
    const { run } = await given.api.getRun({ id }, options);
    if (run !== undefined && wanted(run)) return run;
    if (Date.now() > deadline) throw new Error(`run ${id} stays ${run?.state} (${run?.reason})`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const inState = (state: RunState) => (run: Run) => run.state === state;

/** Waits for a condition that other processes bring about. */
export async function until(condition: () => boolean | Promise<boolean>, withinMs = patienceMs): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The event once everybody who wants it has a firing that is decided or waits for another; identity may be slow to judge one. */
export async function untilDecided(given: Pick<World, 'triggers' | 'as'>, id: string): Promise<HeldEvent> {
  const options = await given.as();
  let found: HeldEvent | undefined;
  await until(async () => {
    found = (await given.triggers.getEvent({ id }, options)).event;
    return (
      found?.matchedAt !== undefined && found.firings.every(({ outcome }) => outcome !== FiringOutcome.UNSPECIFIED)
    );
  });
  if (found === undefined) throw new Error(`no event ${id}`);
  return found;
}
