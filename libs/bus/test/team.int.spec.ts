import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { EventSchema } from '@sallyport/contracts/audit/v1/audit';
import { RunEventSchema, RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { UnitEventSchema } from '@sallyport/contracts/unit/v1/event';
import { type TestBus, testBus } from '@sallyport/testkit/nats';
import { TestTeam } from '@sallyport/testkit/team';
import type { Bus } from '../src/connection.ts';
import { answerOpen } from '../src/open-requests.ts';
import { eventListen, teamInputListen } from '../src/subject.ts';
import { tellAudit, tellRun, tellUnit } from '../src/team-events.ts';
import { ensureTeamStream, teamConnections, writeTeamAccounts } from '../src/teams.ts';

const pay = new TestTeam({ org: 'acme', environment: 'prod', name: 'pay' });
const ops = new TestTeam({ org: 'acme', environment: 'dev', name: 'ops' });

let bus: TestBus;
let runtime: Bus;
let scheduler: Bus;
let audit: Bus;
let team: NatsConnection;
/** What reached the scheduler, by subject. */
const taken: string[] = [];

beforeAll(async () => {
  bus = await testBus([pay.account, ops.account]);
  [runtime, scheduler, audit] = await Promise.all([
    bus.connect('runtime'),
    bus.connect('scheduler'),
    bus.connect('audit'),
  ]);
  for (const each of [pay, ops]) {
    const keeper = await each.connectKeeper(bus.url);
    await ensureTeamStream(keeper, each.account);
    await keeper.close();
  }
  for (const subject of [eventListen, teamInputListen])
    await answerOpen(scheduler, subject, async (request) => {
      taken.push(request.subject);
      return { subject: request.subject };
    });
  team = await pay.connect(bus.url);
});

afterAll(async () => {
  await team.close();
  await bus.close();
});

const output = (environment: string, dispatch: string, seq: number, org = 'acme'): void =>
  tellUnit(
    runtime,
    environment,
    create(UnitEventSchema, {
      id: `evt-${org}-${environment}-${dispatch}-${seq}`,
      org,
      run: 'run_1',
      dispatch,
      seq: BigInt(seq),
      at: timestampFromMs(1_700_000_000_000),
      body: { case: 'messageCompleted', value: { text: `${environment} says ${seq}` } },
    }),
  );

let marks = 0;

/** Resolves when the team's stream has stored all that the runtime told before: a flush says only that the server has read it. */
async function stored(): Promise<void> {
  marks += 1;
  output('prod', `dsp_mark_${marks}`, 1);
  const subject = `unit.v1.acme.prod.dsp_mark_${marks}.out`;
  const api = await jetstreamManager(team, { checkAPI: false });
  for (let found = 0; found === 0; ) {
    const { state } = await api.streams.info('EVENTS', { subjects_filter: subject });
    found = state.subjects?.[subject] ?? 0;
  }
}

/** What the team's stream holds, oldest first. */
async function held(connection: NatsConnection, more: object = {}): Promise<readonly { seq: number; text: string }[]> {
  // The client writes into the options it is given.
  const consumer = await jetstream(connection).consumers.get('EVENTS', { ...more });
  const found: { seq: number; text: string }[] = [];
  const { num_pending: pending } = await consumer.info();
  if (pending === 0) return found;
  for await (const message of await consumer.fetch({ max_messages: pending, expires: 120_000 })) {
    found.push({ seq: message.seq, text: message.string() });
    if (found.length === pending) break;
  }
  return found;
}

const refusedBy = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    (value) => `taken: ${JSON.stringify(value)}`,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );

describe('a team', () => {
  test('hears its environment as CloudEvents in binary mode', async () => {
    const heard: Msg[] = [];
    for (const subject of ['unit.v1.acme.prod.*.out', 'run.v1.acme.prod.*.event', 'audit.v1.acme.prod.*.event'])
      team.subscribe(subject, { callback: (_, message) => void heard.push(message) });
    await team.flush();
    output('prod', 'dsp_1', 1);
    await runtime.nats.flush();
    tellRun(
      scheduler,
      create(RunEventSchema, {
        id: 'evt-run',
        seq: 3n,
        at: timestampFromMs(1_700_000_000_000),
        run: { id: 'run_1', org: 'acme', environment: 'prod', state: RunState.RUNNING },
      }),
    );
    await scheduler.nats.flush();
    tellAudit(
      audit,
      create(EventSchema, {
        id: 'evt-audit',
        seq: 9n,
        org: 'acme',
        environment: 'prod',
        kind: 'run.accepted',
        resource: 'role/ü "x"',
      }),
    );
    await audit.nats.flush();
    await team.flush();
    const told = heard.map(({ subject, headers: wire }) => [subject, wire?.get('ce-type'), wire?.get('ce-sequence')]);
    expect(told).toEqual([
      ['unit.v1.acme.prod.dsp_1.out', 'dev.sallyport.unit.message.completed.v1', '1'],
      ['run.v1.acme.prod.run_1.event', 'dev.sallyport.run.running.v1', '3'],
      ['audit.v1.acme.prod.run.event', 'dev.sallyport.audit.run.accepted.v1', '9'],
    ]);
    expect(heard[0]?.headers?.get('ce-source')).toBe('/sallyport/orgs/acme/environments/prod');
    expect(heard[2]?.headers?.get('ce-subject')).toBe('role/%C3%BC%20%22x%22');
    expect(heard[0]?.json()).toMatchObject({ seq: '1', messageCompleted: { text: 'prod says 1' } });
  });

  test('is told without the data when that is too large for a message', async () => {
    const heard = new Promise<Msg>((resolve) =>
      team.subscribe('unit.v1.acme.prod.dsp_big.out', { max: 1, callback: (_, message) => resolve(message) }),
    );
    await team.flush();
    const body = { case: 'output' as const, value: { data: new Uint8Array(1024 * 1024) } };
    const event = { id: 'evt-big', org: 'acme', dispatch: 'dsp_big', seq: 1n, body };
    tellUnit(runtime, 'prod', create(UnitEventSchema, event));
    const { headers: wire, data } = await heard;
    expect(data.byteLength).toBe(0);
    expect(Number(wire?.get('ce-omitted'))).toBeGreaterThan(1024 * 1024);
    expect(wire?.get('ce-sequence')).toBe('1');
  });

  test('says events and inputs under its own name, and is answered', async () => {
    for (const subject of ['event.v1.acme.prod.pay', 'unit.v1.acme.prod.dsp_1.in.pay']) {
      const reply = await team.request(subject, '{}', { timeout: 120_000 });
      expect(reply.json()).toEqual({ subject });
    }
  });

  test('goes on where it broke off, by sequence, and is told nothing twice', async () => {
    for (let seq = 1; seq <= 20; seq += 1) output('prod', 'dsp_resume', seq);
    for (let seq = 1; seq <= 20; seq += 1) output('prod', 'dsp_resume', seq);
    await stored();
    const filter = { filter_subjects: 'unit.v1.acme.prod.dsp_resume.out' };
    const all = await held(team, filter);
    expect(all.map(({ text }) => (JSON.parse(text) as { seq: string }).seq)).toEqual(
      Array.from({ length: 20 }, (_, index) => String(index + 1)),
    );
    const [from] = all.slice(12);
    const rest = await held(team, {
      ...filter,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from?.seq ?? 0,
    });
    expect(rest).toEqual(all.slice(12));
  });
});

describe('a hostile team', () => {
  const victim = 'unit.v1.acme.dev.dsp_secret.out';

  let own: NatsConnection;

  beforeAll(async () => {
    own = await pay.connect(bus.url);
    output('dev', 'dsp_secret', 1);
    output('prod', 'dsp_foreign', 1, 'other');
    await runtime.nats.flush();
  });

  afterAll(() => own.close());

  test.each([
    victim,
    'unit.v1.acme.*.*.out',
    'unit.v1.*.prod.*.out',
    'unit.v1.acme.dsp_1.out',
    'unit.v1.>',
    '>',
    '*.>',
    'run.v1.acme.dev.*.event',
    'audit.v1.acme.prod.event',
    'rpc.>',
    'event.v1.acme.prod.pay',
    '_INBOX_scheduler.>',
    '_R_.>',
    '$JS.API.>',
    '$SYS.>',
  ])('hears nothing on %s', async (subject) => {
    const heard: string[] = [];
    const refused = new Promise<void>((resolve) => {
      own.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) heard.push(message.subject);
          else resolve();
        },
      });
    });
    await own.flush();
    output('dev', 'dsp_secret', 2);
    await runtime.nats.flush();
    await refused;
    expect(heard).toEqual([]);
  });

  test.each([
    'event.v1.acme.dev.pay',
    'event.v1.other.prod.pay',
    'event.v1.acme.prod.other',
    'event.v1.acme.prod.operator',
    'unit.v1.acme.dev.dsp_1.in.pay',
    'unit.v1.acme.prod.dsp_1.in.other',
    'unit.v1.acme.dsp_1.in',
    'unit.v1.acme.prod.dsp_1.out',
    'run.v1.acme.prod.run_1.event',
    'rpc.scheduler.v1.api.CreateRun',
    'rpc.identity.v1.api.OpenSession',
    'identity.v1.epoch',
    'team.v1.acme.prod.pay.hello',
    '$JS.API.STREAM.CREATE.MINE',
    '$JS.API.STREAM.UPDATE.EVENTS',
    '$JS.API.STREAM.PURGE.EVENTS',
    '$JS.API.STREAM.DELETE.EVENTS',
    '$JS.API.STREAM.MSG.DELETE.EVENTS',
    '$JS.API.STREAM.SNAPSHOT.EVENTS',
    '$JS.API.STREAM.RESTORE.EVENTS',
    '$JS.API.STREAM.INFO.UNIT',
    '$JS.API.STREAM.MSG.GET.UNIT',
    '$JS.API.DIRECT.GET.AUDIT',
    '$JS.API.CONSUMER.CREATE.UNIT.x.unit.v1.>',
    '$JS.API.CONSUMER.MSG.NEXT.UNIT.x',
    '$JS.API.ACCOUNT.PURGE.SALLY',
    '$SYS.REQ.ACCOUNT.SALLY.INFO',
    '$SYS.REQ.SERVER.PING',
  ])('says nothing on %s', async (subject) => {
    const before = taken.length;
    expect(await refusedBy(own.request(subject, '{}', { timeout: 120_000 }))).toMatch(/permissions violation/i);
    expect(taken.length).toBe(before);
  });

  test.each([
    ['of another environment', victim],
    ['of every environment', 'unit.v1.acme.*.*.out'],
    ['of every org', 'unit.v1.>'],
    ['of everything', '>'],
  ])('reads no more by a consumer with a filter %s', async (_, filter_subject) => {
    const api = await jetstreamManager(team, { checkAPI: false });
    const made = await api.consumers
      .add('EVENTS', { filter_subject, inactive_threshold: 5_000_000_000 })
      .catch(() => undefined);
    if (made === undefined) return;
    for (const { text } of await held(team, { filter_subjects: filter_subject })) {
      expect(text).not.toContain('dev says');
      expect(text).not.toContain('"org":"other"');
    }
  });

  test('asks in vain for single messages it was never sent', async () => {
    const api = await jetstreamManager(team, { checkAPI: false });
    expect(await refusedBy(api.streams.getMessage('EVENTS', { last_by_subj: victim }))).not.toContain('dev says');
    const { state } = await api.streams.info('EVENTS', { subjects_filter: '>' });
    expect(Object.keys(state.subjects ?? {}).filter((subject) => !/^\w+\.v1\.acme\.prod\./.test(subject))).toEqual([]);
  });

  test('knows of no stream but its own', async () => {
    const names: string[] = [];
    for await (const name of (await jetstreamManager(team, { checkAPI: false })).streams.names()) names.push(name);
    expect(names).toEqual(['EVENTS']);
  });

  test.each([
    'identity.v1.epoch',
    'event.v1.acme.dev.ops',
    'event.v1.other.prod.pay',
    'rpc.scheduler.v1.api.CreateRun',
    'unit.v1.acme.dev.dsp_1.in.ops',
    'run.v1.acme.dev.run_1.event',
  ])('has JetStream deliver nothing to %s', async (deliver_subject) => {
    const seen: string[] = [];
    const api = await bus.connect('api');
    const neighbour = await ops.connect(bus.url);
    for (const [connection, subject] of [
      [api.nats, 'run.v1.*.*.event'],
      [scheduler.nats, 'rpc.scheduler.v1.*.*'],
      [scheduler.nats, 'identity.v1.epoch'],
      [neighbour, 'run.v1.acme.dev.*.event'],
    ] as const)
      connection.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) seen.push(message.subject);
        },
      });
    await Promise.all([api.nats.flush(), scheduler.nats.flush(), neighbour.flush()]);
    const before = taken.length;
    const config = { deliver_subject, ack_policy: 'none' as const, deliver_policy: 'all' as const };
    const asked = { stream_name: 'EVENTS', config };
    const answer = await team.request('$JS.API.CONSUMER.CREATE.EVENTS', JSON.stringify(asked), { timeout: 120_000 });
    expect(answer.string()).toContain('consumer_create_response');
    for (let seq = 1; seq <= 5; seq += 1) output('prod', `dsp_push_${deliver_subject.replaceAll('.', '-')}`, seq);
    await stored();
    // Whatever was delivered within the account has been by the time a message of its own has come through the stream.
    await held(team);
    await Promise.all([api.nats.flush(), scheduler.nats.flush(), neighbour.flush()]);
    expect([seen, taken.length]).toEqual([[], before]);
    await neighbour.close();
  });

  test('fills its own store and nobody else’s', async () => {
    const api = await jetstreamManager(team, { checkAPI: false });
    const made = await Promise.allSettled(
      Array.from({ length: 100 }, () => api.consumers.add('EVENTS', { filter_subject: 'unit.v1.acme.prod.*.out' })),
    );
    expect(made.some(({ status }) => status === 'rejected')).toBe(true);
    const neighbour = await ops.connect(bus.url);
    expect((await held(neighbour)).length).toBeGreaterThan(0);
    await neighbour.close();
  });

  test('has so many connections and no more', async () => {
    const mine = await Promise.allSettled(Array.from({ length: teamConnections + 1 }, () => ops.connect(bus.url)));
    expect(mine.some(({ status }) => status === 'rejected')).toBe(true);
    for (const each of mine) if (each.status === 'fulfilled') await each.value.close();
    await (await bus.connect('api')).nats.flush();
  });

  test('sends nothing beyond a megabyte', async () => {
    const large = await pay.connect(bus.url);
    const body = new Uint8Array(1024 * 1024 + 1);
    const before = taken.length;
    expect(await refusedBy(large.request('event.v1.acme.prod.pay', body, { timeout: 5_000 }))).not.toMatch(/^taken/);
    expect(taken.length).toBe(before);
    await large.close();
  });

  test('passes no header of a service along', async () => {
    const wire = headers();
    wire.set('Authorization', 'Bearer x');
    wire.set('Nats-Expected-Stream', 'UNIT');
    const reply = await team.request('event.v1.acme.prod.pay', '{}', { timeout: 120_000, headers: wire });
    expect(reply.json()).toEqual({ subject: 'event.v1.acme.prod.pay' });
  });
});

describe('a team that is taken away', () => {
  test('loses its connections and does not come back', async () => {
    const gone = new TestTeam({ org: 'acme', environment: 'prod', name: 'gone' });
    const own = await testBus([gone.account]);
    const connection = await gone.connect(own.url);
    const closed = connection.closed();
    const service = await own.connect('scheduler');
    const broken: string[] = [];
    void (async () => {
      for await (const { type } of service.nats.status()) broken.push(type);
    })();
    writeTeamAccounts(own.directory, []);
    process.kill(own.pid, 'SIGHUP');
    await closed;
    await expect(gone.connect(own.url)).rejects.toThrow(/authorization/i);
    await service.nats.flush();
    expect(broken.filter((type) => /disconnect|close|error/i.test(type))).toEqual([]);
    await own.close();
  });
});
