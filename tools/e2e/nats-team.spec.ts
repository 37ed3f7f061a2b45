import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import {
  connectAs,
  createTeam,
  example,
  fetchMs,
  judge,
  type TeamAccess,
  type Told,
  team,
  toldTo,
} from './nats-team.ts';
import { StartedStack } from './started-stack.ts';

let stack: StartedStack;
let shop: TeamAccess;
let nats: NatsConnection;
const open: NatsConnection[] = [];

const connect = async (access: TeamAccess): Promise<NatsConnection> => {
  const connection = await connectAs(access);
  open.push(connection);
  return connection;
};

const script = [{ text: 'I look.', shell: 'cat /tmp/untrusted/event.json' }, { text: 'Handled.' }];
const task = `Handle the event. <script>${JSON.stringify(script)}</script>`;

beforeAll(async () => {
  stack = await StartedStack.start();
  shop = await createTeam(stack, 'shop', 'main');
  nats = await connect(shop);
  await stack.rest.put('/v1/subscriptions/orders', {
    types: ['order.created'],
    source: '/teams/shop',
    run: { role: 'editor', start: { inline: task } },
    overlap: 'allow',
    consent: true,
  });
});

afterAll(async () => {
  await Promise.all(open.map((connection) => connection.close()));
  await stack.stop();
});

/** What the stream holds once it satisfies somebody. */
async function toldOnce(enough: (told: readonly Told[]) => boolean, from = 1): Promise<readonly Told[]> {
  const deadline = Date.now() + fetchMs;
  for (;;) {
    const told = await toldTo(nats, from);
    if (enough(told)) return told;
    if (Date.now() > deadline) throw new Error(`not told: ${told.map(({ subject }) => subject).join(' ')}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const typeOf = ({ headers: wire }: Told): string => wire['ce-type'] ?? '';

async function ask(as: NatsConnection, subject: string, body: string, type = '') {
  const wire = headers();
  if (type !== '') wire.set('content-type', type);
  const reply = await as.request(subject, body, { timeout: 120_000, headers: wire });
  const given = Object.fromEntries([...(reply.headers ?? [])].map(([name, values]) => [name, values[0] ?? '']));
  return { headers: given, payload: reply.json<Readonly<Record<string, string>>>() };
}

interface Line {
  readonly sequence: number;
  readonly event?: string;
  readonly run?: string;
  readonly state?: string;
  readonly output?: number;
  readonly text?: string;
  readonly audit?: string;
}

describe('the example of the guide', () => {
  test('fires an event, follows the run it starts and reads its audit, over NATS alone', async () => {
    const said = await example(shop, '--type', 'order.created', '--data', '{"total":120}', '--id', 'order-1');
    expect(said).toMatchObject({ code: 0, stderr: '' });
    const lines = said.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
    const states = [...new Set(lines.flatMap(({ state = '' }) => (state === '' ? [] : [state])))];
    expect(states).toEqual(['RUN_STATE_QUEUED', 'RUN_STATE_RUNNING', 'RUN_STATE_COMPLETED']);
    const output = lines.flatMap(({ output: position }) => (position === undefined ? [] : [position]));
    expect(output).toEqual(output.map((_, index) => index + 1));
    expect(lines.map(({ text = '' }) => text).join('\n')).toContain('"data":{"total":120}');
    const audit = lines.flatMap((line) => (line.audit === undefined ? [] : [line.audit]));
    expect(audit).toEqual(
      expect.arrayContaining(['run.accepted', 'trigger.fired', 'grant.used', 'egress.allow', 'launch.ended']),
    );
    const run = lines.find(({ state }) => state !== undefined)?.run ?? '';
    expect(await stack.ended(run)).toMatchObject({ state: 'completed' });
    expect(await stack.events(run)).toHaveLength(output.length);
  });

  test('is refused an event that is none, with the reason', async () => {
    const said = await example(shop, '--type', ' ', '--data', '{}');
    expect([said.code, JSON.parse(said.stdout) as object]).toEqual([
      1,
      expect.objectContaining({ refused: 'scheduler.event_invalid' }),
    ]);
  });
});

describe('what a team is told and answered', () => {
  test('is what the AsyncAPI document says, each message of a run that an event started', async () => {
    const told = await toldOnce((all) => all.some((each) => typeOf(each) === 'dev.sallyport.audit.launch.ended.v1'));
    const wrong = judge();
    const counts = { run: 0, output: 0, audit: 0 };
    for (const each of told) {
      const [word = ''] = each.subject.split('.');
      const name = word === 'unit' ? 'output' : word === 'run' ? 'run' : 'audit';
      counts[name] += 1;
      expect([typeOf(each), wrong(name, 'headers', each.headers), wrong(name, 'payload', each.payload)]).toEqual([
        typeOf(each),
        [],
        [],
      ]);
      expect(wrong(name, 'payload', { ...(each.payload as object), surplus: 1 })).not.toEqual([]);
      expect(wrong(name, 'headers', { ...each.headers, 'ce-id': undefined })).not.toEqual([]);
    }
    expect(counts.run).toBeGreaterThan(2);
    expect(counts.output).toBeGreaterThan(10);
    expect(counts.audit).toBeGreaterThan(10);
  });

  test('has the answers of the document to events and inputs, taken and refused', async () => {
    const wrong = judge();
    const event = { specversion: '1.0', id: 'order-2', source: '/teams/shop', type: 'nobody.wants', data: [1] };
    expect(wrong('event', 'payload', event)).toEqual([]);
    const subject = 'event.v1.acme.main.shop';
    const taken = await ask(nats, subject, JSON.stringify(event), 'application/cloudevents+json');
    expect(wrong('eventTaken', 'payload', taken.payload)).toEqual([]);
    for (const body of ['{', '{}', '[]', JSON.stringify({ ...event, specversion: '9' })]) {
      const refused = await ask(nats, subject, body, 'application/cloudevents+json');
      expect([wrong('refused', 'headers', refused.headers), wrong('refused', 'payload', refused.payload)]).toEqual([
        [],
        [],
      ]);
    }
  });
});

describe('a team', () => {
  test('says what a run that stays is to do next, and lets it go', async () => {
    const run = await stack.create({ role: 'editor', stay: true, start: { inline: task.replace(/I look.*/, 'x') } });
    const running = await toldOnce((all) =>
      all.some(({ payload }) => (payload as { inputEnded?: object; run?: string }).inputEnded && of(payload, run.id)),
    );
    const dispatch =
      running.find(({ subject, payload }) => subject.endsWith('.out') && of(payload, run.id))?.subject.split('.')[4] ??
      '';
    const next = JSON.stringify([{ text: 'Said by a team.' }]);
    const subject = `unit.v1.acme.main.${dispatch}.in.shop`;
    const said = await ask(nats, subject, JSON.stringify({ text: `Go on. <script>${next}</script>` }));
    expect(judge()('inputTaken', 'payload', said.payload)).toEqual([]);
    await toldOnce((all) => all.some(({ payload }) => endOf(payload) === said.payload['id']));
    await ask(nats, subject, '{"leave":true}');
    expect(await stack.ended(run.id)).toMatchObject({ state: 'completed' });
    const told = await toldTo(nats);
    const words = told.map(
      ({ payload }) => (payload as { messageCompleted?: { text: string } }).messageCompleted?.text,
    );
    expect(words).toContain('Said by a team.');
    const audit = await stack.audited(run.id, ['run.input']);
    expect(audit).toContainEqual(expect.objectContaining({ kind: 'run.input', subject: 'team/shop' }));
  });

  test('misses nothing and hears nothing twice over twenty cut connections', async () => {
    const all = await toldTo(nats);
    const heard: number[] = [];
    const wanted = Math.ceil(all.length / 20);
    while (heard.length < all.length) {
      const short = await connectAs(shop);
      const consumer = await jetstream(short).consumers.get('EVENTS', {
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: (heard.at(-1) ?? 0) + 1,
      });
      for await (const message of await consumer.fetch({ max_messages: wanted, expires: fetchMs })) {
        heard.push(message.seq);
        if (heard.length % wanted === 0 || heard.length === all.length) break;
      }
      await short.close();
    }
    expect(heard).toEqual(all.map(({ sequence }) => sequence));
  });

  test('of another environment hears nothing of it and starts nothing in it', async () => {
    const other = await connect(await createTeam(stack, 'shop', 'dev'));
    const event = { specversion: '1.0', id: 'order-9', source: '/teams/shop', type: 'order.created', data: {} };
    const type = 'application/cloudevents+json';
    await expect(ask(other, 'event.v1.acme.main.shop', JSON.stringify(event), type)).rejects.toThrow(/permission/i);
    const before = await stack.rest.get<{ items: readonly object[] }>('/v1/runs?limit=200');
    const { payload } = await ask(other, 'event.v1.acme.dev.shop', JSON.stringify(event), type);
    expect(payload).toMatchObject({ replayed: false });
    expect((await stack.rest.raw('GET', `/v1/events/${payload['id']}`)).status).toBe(404);
    const run = (await toldTo(nats)).find(({ subject }) => subject.endsWith('.out'));
    const dispatch = run?.subject.split('.')[4] ?? '';
    expect((await ask(other, `unit.v1.acme.dev.${dispatch}.in.shop`, '{"text":"hi"}')).payload).toMatchObject({
      reason: 'scheduler.run_not_found',
    });
    const told = await toldTo(other);
    expect(told.filter(({ subject }) => !/^\w+\.v1\.acme\.dev\./.test(subject))).toEqual([]);
    expect(JSON.stringify(told)).not.toContain('"environment":"main"');
    expect((await stack.rest.get<{ items: readonly object[] }>('/v1/runs?limit=200')).items.length).toBe(
      before.items.length,
    );
  });
});

describe('npm run team', () => {
  test.each<[string, readonly string[], number]>([
    ['no action', [], 2],
    ['an action there is not', ['make', 'x', '--org', 'acme', '--environment', 'main'], 2],
    ['no environment', ['create', 'x', '--org', 'acme'], 2],
    ['a name with a wildcard', ['create', '*', '--org', 'acme', '--environment', 'main'], 2],
    ['an environment with a dot', ['create', 'x', '--org', 'acme', '--environment', 'a.b'], 2],
    ['the name of a service', ['create', 'scheduler', '--org', 'acme', '--environment', 'main'], 2],
    ['a name that is taken', ['create', 'shop', '--org', 'acme', '--environment', 'main'], 6],
    ['a team that is not there', ['rm', 'nobody', '--org', 'acme', '--environment', 'main'], 5],
  ])('refuses %s', async (_, args, code) => {
    const before = readFileSync(join(stack.data, 'teams.json'), 'utf8');
    const said = await team(stack, ...args);
    expect([said.code, said.stdout]).toEqual([code, '']);
    expect(said.stderr).not.toBe('');
    expect(readFileSync(join(stack.data, 'teams.json'), 'utf8')).toBe(before);
  });

  test('keeps seeds to the owner, and lists teams without them', async () => {
    const seed = readFileSync(shop.seed, 'utf8').trim();
    expect(statSync(shop.seed).mode & 0o777).toBe(0o600);
    const { stdout } = await team(stack, 'ls');
    expect(stdout).toContain('acme/main\tshop\t');
    expect(stdout).not.toContain(seed);
    expect(readFileSync(join(stack.data, 'nats', 'teams.conf'), 'utf8')).not.toContain(seed);
  });

  test('cuts a team off at once that is removed, and nobody else', async () => {
    const brief = await createTeam(stack, 'brief', 'main');
    const gone = await connect(brief);
    const closed = gone.closed();
    const before = await stack.pids();
    expect(await team(stack, 'rm', 'brief', '--org', 'acme', '--environment', 'main')).toMatchObject({ code: 0 });
    await closed;
    expect(existsSync(brief.seed)).toBe(false);
    expect((await team(stack, 'ls')).stdout).not.toContain('brief');
    expect(nats.isClosed()).toBe(false);
    expect(await stack.pids()).toEqual(before);
    expect(stack.output).not.toContain('starting it again');
    const said = await example(shop, '--type', 'order.created', '--id', 'order-3');
    expect(said.code).toBe(0);
  });

  test('has made teams that a restart of the product keeps, at the same address, with all they were told', async () => {
    const before = await toldTo(nats);
    const { data, port } = stack;
    await stack.stop(false);
    const idle = await team({ data }, 'create', 'late', '--org', 'acme', '--environment', 'main');
    expect(idle).toMatchObject({ code: 0 });
    stack = await StartedStack.start({ data, port });
    nats = await connect(shop);
    expect((await toldTo(nats)).slice(0, before.length)).toEqual(before);
    const late = { ...shop, name: 'late', seed: shop.seed.replace('.shop.', '.late.') };
    expect(await toldTo(await connect(late))).toEqual(expect.any(Array));
    const said = await example(shop, '--type', 'order.created', '--id', 'order-4');
    expect(said.code).toBe(0);
  });
});

const of = (payload: unknown, run: string): boolean => (payload as { run?: unknown }).run === run;
const endOf = (payload: unknown): string | undefined =>
  (payload as { inputEnded?: { input: string } }).inputEnded?.input;
