import { equals } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AckPolicy, DeliverPolicy, jetstreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { answer } from '@sallyport/bus/ask';
import { ensureTeamStream } from '@sallyport/bus/teams';
import { WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import { type Run, RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { type Input, InputReceiptSchema, InputSchema } from '@sallyport/contracts/unit/v1/input';
import { newId } from '@sallyport/core/ids';
import { TestTeam } from '@sallyport/testkit/team';
import { aRole, aTask, inState, quick, until, untilRun, type World, world } from './world.ts';

const pay = new TestTeam({ org: 'acme', environment: 'main', name: 'pay' });
const dev = new TestTeam({ org: 'acme', environment: 'dev', name: 'pay' });
const rival = new TestTeam({ org: 'rival', environment: 'main', name: 'pay' });

let w: World;
let team: NatsConnection;
let stranger: NatsConnection;
let foreigner: NatsConnection;
/** What reached the edge, each once: what an edge was slow to answer for is carried again. */
const received: Input[] = [];

beforeAll(async () => {
  w = await world(quick, [pay.account, dev.account, rival.account]);
  await w.runtime.register();
  await w.api.applyRole({ role: aRole }, await w.as());
  w.runtime.onStart = async (started) => {
    await w.runtime.report(started, WorkloadState.STARTING);
    await w.runtime.report(started, WorkloadState.RUNNING);
  };
  answer(await w.bus.connect('runtime'), 'unit.v1.acme.*.in', InputSchema, InputReceiptSchema, (input) => {
    if (!received.some((each) => equals(InputSchema, each, input))) received.push(input);
    return { input: input.id, refused: '' };
  });
  [team, stranger, foreigner] = await Promise.all([
    pay.connect(w.bus.url),
    dev.connect(w.bus.url),
    rival.connect(w.bus.url),
  ]);
});

afterAll(async () => {
  await Promise.all([team, stranger, foreigner].map((each) => each.close()));
  await w.close();
});

interface Answer {
  readonly id?: string;
  readonly run?: string;
  readonly replayed?: boolean;
  readonly reason?: string;
  readonly detail?: Readonly<Record<string, string>>;
}

const ask = async (as: NatsConnection, subject: string, body: string | Uint8Array): Promise<Answer> =>
  (await as.request(subject, body, { timeout: 120_000 })).json<Answer>();

const at = (dispatch: string, org = 'acme', environment = 'main'): string =>
  `unit.v1.${org}.${environment}.${dispatch}.in.pay`;

const aRun = async (stay = true): Promise<Run> => {
  const { run } = await w.api.createRun({ role: 'writer', start: aTask(), stay }, await w.as());
  return untilRun(w, run?.id ?? '', inState(RunState.RUNNING));
};

describe('a team', () => {
  test('says something to a dispatch of its environment, once, under its own name', async () => {
    const run = await aRun();
    const id = newId('input', Date.now());
    const said = await ask(team, at(run.dispatch), JSON.stringify({ id, text: 'go on' }));
    expect(said).toEqual({ id, run: run.id, replayed: false });
    expect(await ask(team, at(run.dispatch), JSON.stringify({ id, text: 'go on' }))).toMatchObject({ replayed: true });
    const heard = () => received.filter((input) => input.run === run.id);
    await until(() => heard().length > 0);
    expect(heard()).toMatchObject([{ id, run: run.id, principal: 'team/pay', body: { value: 'go on' } }]);
    await until(() => w.audited.some(({ kind, run: of }) => kind === 'run.input' && of === run.id));
    const audited = w.audited.find(({ kind, run: of }) => kind === 'run.input' && of === run.id);
    expect(audited).toMatchObject({ org: 'acme', environment: 'main', subject: 'team/pay' });
  });

  test.each<[string, (run: Run) => Promise<Answer>]>([
    ['of another environment', (run) => ask(stranger, at(run.dispatch, 'acme', 'dev'), '{"text":"hi"}')],
    ['of another org', (run) => ask(foreigner, at(run.dispatch, 'rival'), '{"text":"hi"}')],
    ['that is not there', () => ask(team, at(newId('dispatch', Date.now())), '{"text":"hi"}')],
    ['with the id of a run', (run) => ask(team, at(run.id), '{"text":"hi"}')],
    ['that is no id', () => ask(team, at('x'), '{"text":"hi"}')],
  ])('finds no dispatch %s', async (_, asked) => {
    expect(await asked(await aRun())).toMatchObject({ code: 'not_found', reason: 'scheduler.run_not_found' });
    expect(received.filter(({ body }) => body.value === 'hi')).toEqual([]);
  });

  test.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['no JSON', 'go on'],
    ['no UTF-8', Buffer.from([0xff, 0xfe])],
    ['a list', '[]'],
    ['no kind', '{}'],
    ['two kinds', '{"text":"a","cancel":"b"}'],
    ['a kind there is not', '{"kill":true}'],
    ['a principal of its choosing', '{"text":"a","principal":"usr_root"}'],
    ['a run of its choosing', '{"text":"a","run":"run_1"}'],
    ['an id that is none', '{"text":"a","id":"../x"}'],
    ['an id that is no text', '{"text":"a","id":7}'],
    ['a text that is none', '{"text":{}}'],
    ['a leave that is no leave', '{"leave":false}'],
    ['an empty text', '{"text":"  "}'],
  ])('is refused when it says %s', async (_, body) => {
    const run = await aRun();
    expect(await ask(team, at(run.dispatch), body)).toMatchObject({
      code: 'invalid_argument',
      reason: 'scheduler.input_invalid',
    });
    expect(received.filter((input) => input.run === run.id)).toEqual([]);
  });

  test('is refused a text beyond the bound', async () => {
    const run = await aRun();
    const body = JSON.stringify({ text: 'x'.repeat(256 * 1024 + 1) });
    expect(await ask(team, at(run.dispatch), body)).toMatchObject({ reason: 'scheduler.input_too_large' });
  });

  test('cannot make a run stay that was not to', async () => {
    const run = await aRun(false);
    expect(await ask(team, at(run.dispatch), '{"text":"more"}')).toMatchObject({
      reason: 'scheduler.run_not_staying',
    });
  });

  test('hears the states of the runs of its environment, and nobody else does', async () => {
    const mine: { readonly subject: string; readonly type: string }[] = [];
    const others: string[] = [];
    team.subscribe('run.v1.acme.main.*.event', {
      callback: (_, m) => void mine.push({ subject: m.subject, type: `${m.headers?.get('ce-type')}` }),
    });
    for (const [connection, subject] of [
      [stranger, 'run.v1.acme.dev.*.event'],
      [foreigner, 'run.v1.rival.main.*.event'],
    ] as const)
      connection.subscribe(subject, { callback: (_, m) => void others.push(m.subject) });
    await Promise.all([team, stranger, foreigner].map((each) => each.flush()));
    const { id } = await aRun();
    // Runs of the tests before it are still told of.
    const told = () => mine.filter(({ subject }) => subject === `run.v1.acme.main.${id}.event`).map(({ type }) => type);
    await until(() => told().includes('dev.sallyport.run.running.v1'));
    expect(told()[0]).toBe('dev.sallyport.run.queued.v1');
    await Promise.all([stranger, foreigner].map((each) => each.flush()));
    expect(others).toEqual([]);
  });

  test('starts nothing by a consumer that delivers what it is told into the intake', async () => {
    const keeper = await pay.connectKeeper(w.bus.url);
    await ensureTeamStream(keeper, pay.account);
    await keeper.close();
    const manager = await jetstreamManager(team, { checkAPI: false });
    const options = await w.as();
    const before = await w.triggers.listEvents({}, options);
    for (const headers_only of [false, true]) {
      const name = newId('input', Date.now());
      await manager.consumers.add('EVENTS', {
        durable_name: name,
        deliver_subject: 'event.v1.acme.main.pay',
        headers_only,
        ack_policy: AckPolicy.None,
        deliver_policy: DeliverPolicy.All,
      });
      await aRun();
      await until(async () => (await manager.consumers.info('EVENTS', name)).delivered.consumer_seq >= 3);
      await manager.consumers.delete('EVENTS', name);
    }
    // Whatever was delivered has been looked at by the time a request behind it is answered.
    expect(await ask(team, 'event.v1.acme.main.pay', '{')).toMatchObject({ reason: 'scheduler.event_malformed' });
    const after = await w.triggers.listEvents({}, options);
    expect(after.events).toEqual(before.events);
    expect(w.audited.filter(({ reason }) => reason === 'scheduler.source_reserved')).toEqual([]);
  });

  test('hands events in under its own name and environment, whatever they say', async () => {
    const event = { specversion: '1.0', id: '1', source: '/ci', type: 'built', environment: 'dev', producer: 'x' };
    const given = headers();
    given.set('content-type', 'application/cloudevents+json');
    const reply = await team.request('event.v1.acme.main.pay', JSON.stringify(event), {
      timeout: 120_000,
      headers: given,
    });
    const { id } = reply.json<{ readonly id: string }>();
    const found = await w.triggers.getEvent({ id }, await w.as());
    expect(found.event).toMatchObject({ producer: 'nats:pay', source: '/ci' });
  });
});
