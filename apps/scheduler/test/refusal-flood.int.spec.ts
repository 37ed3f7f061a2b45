import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AckPolicy, DeliverPolicy, jetstreamManager } from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { ensureTeamStream } from '@sallyport/bus/teams';
import { WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import { RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { TestTeam } from '@sallyport/testkit/team';
import { aRole, aTask, inState, quick, until, untilRun, type World, world } from './world.ts';

const pay = new TestTeam({ org: 'acme', environment: 'main', name: 'pay' });
const events = 'event.v1.acme.main.pay';
const flood = 300;

let w: World;
let team: NatsConnection;

beforeAll(async () => {
  w = await world(quick, [pay.account]);
  await w.runtime.register();
  await w.api.applyRole({ role: aRole }, await w.as());
  w.runtime.onStart = async (started) => {
    await w.runtime.report(started, WorkloadState.STARTING);
    await w.runtime.report(started, WorkloadState.RUNNING);
  };
  team = await pay.connect(w.bus.url);
});

afterAll(async () => {
  await team.close();
  await w.close();
});

const refused = (reason: string) => w.audited.filter((each) => each.outcome === 2 && each.reason === reason);

const reasonOf = async (subject: string, body: string): Promise<string> =>
  (await team.request(subject, body, { timeout: 120_000 })).json<{ readonly reason: string }>().reason;

/** Sends what is refused until every refusal of it is told of, in a record of its own or as a number in a later one. */
async function floodWith(subject: string, body: string, reason: string) {
  const from = performance.now();
  let sent = 0;
  const told = () => refused(reason).reduce((sum, { facts }) => sum + 1 + Number(facts['unrecorded'] ?? 0), 0);
  const send = async () => {
    expect(await reasonOf(subject, body)).toBe(reason);
    sent += 1;
  };
  while (sent < flood) await send();
  let last = performance.now();
  await until(async () => {
    // By then there is room for a record again, which tells of those before it.
    if (performance.now() - last > 500) {
      await send();
      last = performance.now();
    }
    return told() === sent;
  });
  return { records: refused(reason).length, atMost: 51 + ((performance.now() - from) / 1000) * 5, sent };
}

describe('a team that sends rubbish', () => {
  test('as events has a bounded number of them on record, and the others counted', async () => {
    const { records, atMost, sent } = await floodWith(events, 'rubbish', 'scheduler.event_malformed');
    expect(records).toBeLessThan(sent);
    expect(records).toBeLessThanOrEqual(atMost);
  });

  test('as inputs has a bounded number of them on record, and the others counted', async () => {
    const { run } = await w.api.createRun({ role: 'writer', start: aTask() }, await w.as());
    const { dispatch } = await untilRun(w, run?.id ?? '', inState(RunState.RUNNING));
    const subject = `unit.v1.acme.main.${dispatch}.in.pay`;
    const { records, atMost, sent } = await floodWith(subject, '{"text":"more"}', 'scheduler.run_not_staying');
    expect(records).toBeLessThan(sent);
    expect(records).toBeLessThanOrEqual(atMost);
  });

  test('has nothing on record for what holds nothing, nor for the heartbeats of a consumer that delivers here', async () => {
    const keeper = await pay.connectKeeper(w.bus.url);
    await ensureTeamStream(keeper, pay.account);
    await keeper.close();
    const watcher = await w.bus.connect('scheduler');
    let heartbeats = 0;
    watcher.nats.subscribe(events, {
      callback: (_, { headers }) => void (heartbeats += headers?.code === 100 ? 1 : 0),
    });
    await watcher.nats.flush();
    const told = () => w.audited.filter(({ kind }) => kind === 'event.refused').length;
    const manager = await jetstreamManager(team, { checkAPI: false });
    const before = told();
    await manager.consumers.add('EVENTS', {
      durable_name: 'idle',
      deliver_subject: events,
      idle_heartbeat: nanos(100),
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.New,
    });
    await until(() => heartbeats > 2);
    await manager.consumers.delete('EVENTS', 'idle');
    expect(await reasonOf(events, '')).toBe('scheduler.event_malformed');
    // The record of what comes behind them is the only one.
    expect(await reasonOf(events, '{}')).toBe('scheduler.event_invalid');
    await until(() => refused('scheduler.event_invalid').length > 0);
    expect(told() - before).toBe(1);
  });
});
