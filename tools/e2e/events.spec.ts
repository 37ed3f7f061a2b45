import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { headers } from '@nats-io/transport-node';
import { sally } from './sally.ts';
import { type EventView, StartedStack, textOf } from './started-stack.ts';

interface FiringView {
  readonly outcome?: string;
  readonly reason: string;
  readonly run: string;
}

interface StoredEvent {
  readonly id: string;
  readonly matched_at?: string;
  readonly firings: readonly FiringView[];
}

let stack: StartedStack;
let count = 0;
const fresh = (word: string): string => `${word}-${++count}`;

beforeAll(async () => {
  stack = await StartedStack.start();
});

afterAll(() => stack.stop());

/** Reads the event as the agent finds it. */
const script = [
  { text: 'I look at the event.', shell: 'cat /tmp/untrusted/event.json; echo changed > /tmp/untrusted/event.json' },
  { text: 'Done.' },
];
const task = `Handle the event. <script>${JSON.stringify(script)}</script>`;

const subscribe = (name: string, change: object) =>
  stack.rest.put<{ readonly grant: string }>(`/v1/subscriptions/${name}`, {
    run: { role: 'editor', start: { inline: task } },
    consent: true,
    ...change,
  });

/** The event once everybody who wants it has a firing that is decided. */
async function matched(id: string): Promise<StoredEvent> {
  for (;;) {
    const event = await stack.rest.get<StoredEvent>(`/v1/events/${id}`);
    if (event.matched_at !== undefined && event.firings.every(({ outcome }) => outcome !== undefined)) return event;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Follows an event to the end of the one run that it started, and to what its agent saw. */
async function seen(id: string): Promise<{ readonly run: string; readonly text: string }> {
  const { firings } = await matched(id);
  expect(firings).toMatchObject([{ outcome: 'started' }]);
  const run = await stack.ended(firings[0]?.run ?? '');
  expect(run).toMatchObject({ state: 'completed', verdict: 'succeeded' });
  const tools = (await stack.events(run.id)).filter(({ type }) => type === 'tool.completed');
  return { run: run.id, text: tools.map((event: EventView) => textOf(event, 'text')).join('\n') };
}

const post = (path: string, body: string | Uint8Array, given: Readonly<Record<string, string>>): Promise<Response> =>
  fetch(new URL(path, stack.rest.url), { method: 'POST', body, headers: given });

const sendEvent = (event: object, type = 'application/cloudevents+json'): Promise<Response> =>
  post('/v1/events', JSON.stringify(event), { authorization: `Bearer ${stack.rest.token}`, 'content-type': type });

describe('an event over HTTP', () => {
  test('starts an agent on the grant: the payload is a read-only file and no part of its prompt', async () => {
    const type = fresh('order.created');
    const { grant } = await subscribe(fresh('orders'), { types: [type], expression: 'data.total > 100' });
    const marker = fresh('IGNORE-ALL-RULES');
    const event = { specversion: '1.0', id: '1', source: '/shop', type, data: { total: 120, note: marker } };
    const model = await stack.rest.get<{ provider: { base_url: string } }>('/v1/roles/editor');
    const log = new URL('/_scripted/requests', model.provider.base_url);
    await fetch(log, { method: 'DELETE' });
    const taken = await sendEvent(event);
    expect(taken.status).toBe(202);
    const { id } = (await taken.json()) as StoredEvent;
    const { run, text } = await seen(id);
    expect(text).toContain(marker);
    expect(text).toMatch(/permission denied|read-only/i);
    const [first = ''] =
      ((await (await fetch(log)).json()) as { requests?: unknown[] }).requests?.map((each) => JSON.stringify(each)) ??
      [];
    expect(first).toContain('/tmp/untrusted/event.json');
    expect(first).not.toContain(marker);
    const audit = await stack.audited(run, ['grant.used', 'trigger.fired']);
    expect(JSON.stringify(audit)).toContain(grant);
    expect(JSON.stringify(audit)).not.toContain(marker);

    const again = await sendEvent({ ...event, data: { total: 7_000 } });
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(((await again.json()) as StoredEvent).id).toBe(id);
    expect((await matched(id)).firings).toHaveLength(1);
  });

  test('is taken in binary mode and as plain JSON too', async () => {
    const type = fresh('built');
    await subscribe(fresh('builds'), { types: [type] });
    const authorization = `Bearer ${stack.rest.token}`;
    const binary = await post('/v1/events', '{"ok":true}', {
      authorization,
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-id': '1',
      'ce-source': '/ci',
      'ce-type': type,
    });
    expect(binary.status).toBe(202);
    const { id } = (await binary.json()) as StoredEvent;
    expect((await seen(id)).text).toContain('"data":{"ok":true}');
    const plain = await sendEvent({ id: '1', source: '/ci', type, data: { ok: true } }, 'application/json');
    expect([plain.status, ((await plain.json()) as StoredEvent).id]).toEqual([200, id]);
  });

  test('that nobody wants is recorded as such', async () => {
    const taken = await sendEvent({ specversion: '1.0', id: fresh('id'), source: '/x', type: fresh('unwanted') });
    const { id } = (await taken.json()) as StoredEvent;
    expect((await matched(id)).firings).toEqual([]);
  });

  test.each<[string, object | string, string, number, string]>([
    ['a batch', [], 'application/cloudevents-batch+json', 415, 'api.media_type_unsupported'],
    ['text', 'hello', 'text/plain', 415, 'api.media_type_unsupported'],
    ['no JSON', '{', 'application/cloudevents+json', 400, 'api.body_malformed'],
    ['another version', { specversion: '0.3' }, 'application/cloudevents+json', 400, 'api.invalid_request'],
    ['no type', { id: '1', source: '/x' }, 'application/json', 400, 'api.invalid_request'],
    [
      'too much data',
      { id: '1', source: '/x', type: 't', data: 'x'.repeat(256 * 1024) },
      'application/json',
      413,
      'api.body_too_large',
    ],
    [
      'the source of a webhook',
      { id: '1', source: '/webhooks/ci', type: 't' },
      'application/json',
      403,
      'scheduler.source_reserved',
    ],
  ])('is refused with %s', async (_, body, type, status, code) => {
    const answer = await post('/v1/events', typeof body === 'string' ? body : JSON.stringify(body), {
      authorization: `Bearer ${stack.rest.token}`,
      'content-type': type,
    });
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([status, code]);
  });

  test('is refused without a key', async () => {
    const answer = await post('/v1/events', '{}', { 'content-type': 'application/json' });
    expect(answer.status).toBe(401);
  });
});

describe('an event over the bus', () => {
  test('starts an agent, once however often it is sent', async () => {
    const type = fresh('deployed');
    await subscribe(fresh('deploys'), { types: [type.slice(0, 5).concat('*')], subject: 'prod/*' });
    const bus = await stack.bus('operator');
    const given = headers();
    given.set('content-type', 'application/cloudevents+json');
    const body = JSON.stringify({ specversion: '1.0', id: '1', source: '/cd', type, subject: 'prod/eu', data: [1, 2] });
    const ask = async () =>
      (await bus.nats.request('event.v1.acme.main.operator', body, { timeout: 120_000, headers: given })).json<{
        readonly id: string;
        readonly replayed: boolean;
      }>();
    const [first, second] = [await ask(), await ask()];
    expect([first.replayed, second]).toEqual([false, { id: first.id, replayed: true }]);
    expect((await seen(first.id)).text).toContain('"data":[1,2]');
    expect((await matched(first.id)).firings).toHaveLength(1);
  });
});

describe('a signed webhook', () => {
  const sign = (secret: string, id: string, at: number, body: string): string => {
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64')}`;
  };
  const now = (): number => Math.floor(Date.now() / 1000);
  const body = '{"type":"push","ref":"main"}';
  let name: string;
  let path: string;
  let secret: string;

  const deliver = async (
    given: { id?: string; at?: number; signature?: string; body?: string; path?: string; secret?: string } = {},
  ): Promise<{
    readonly status: number;
    readonly code?: string;
    readonly event?: string;
    readonly detail?: string;
  }> => {
    const { id = fresh('msg'), at = now() } = given;
    const answer = await post(given.path ?? path, given.body ?? body, {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(at),
      'webhook-signature': given.signature ?? sign(given.secret ?? secret, id, at, body),
    });
    return { status: answer.status, ...((await answer.json()) as { code?: string; event?: string; detail?: string }) };
  };

  beforeAll(async () => {
    name = fresh('hook');
    ({ path, secret } = await stack.rest.put<{ path: string; secret: string }>(`/v1/webhooks/${name}`, {}));
    await subscribe(name, { source: `/webhooks/${name}`, types: ['push'] });
  });

  test('starts an agent, and a second try is answered with the same event', async () => {
    const first = await deliver({ id: 'msg_1' });
    expect(first.status).toBe(202);
    expect((await seen(first.event ?? '')).text).toContain('"ref":"main"');
    expect(await deliver({ id: 'msg_1' })).toMatchObject({ status: 200, event: first.event });
    expect((await matched(first.event ?? '')).firings).toHaveLength(1);
  });

  test('is refused when it is forged, old, another’s or written anew, and starts nothing', async () => {
    const before = await stack.rest.get<{ items: readonly StoredEvent[] }>('/v1/events?type=push');
    const other = await stack.rest.put<{ secret: string }>(`/v1/webhooks/${fresh('hook')}`, {});
    const at = now();
    const good = sign(secret, 'msg_2', at, body);
    const table: Record<string, Parameters<typeof deliver>[0]> = {
      'no signature': { id: 'msg_2', at, signature: '' },
      'a bad signature': { id: 'msg_2', at, signature: `v1,${'A'.repeat(43)}=` },
      'another webhook’s secret': { secret: other.secret },
      'a body written anew': { id: 'msg_2', at, signature: good, body: JSON.stringify(JSON.parse(body), null, 1) },
      'another id': { id: 'msg_3', at, signature: good },
      'another time': { id: 'msg_2', at: at + 1, signature: good },
      'another tenant': { id: 'msg_2', at, signature: good, path: path.replace('/acme/', '/rival/') },
      'no such webhook': { id: 'msg_2', at, signature: good, path: `${path}-not` },
    };
    const said = new Set<string>();
    for (const [what, given] of Object.entries(table)) {
      const { status, code, detail } = await deliver(given);
      expect([what, status, code]).toEqual([what, 401, 'scheduler.webhook_unverified']);
      said.add(detail ?? '');
    }
    expect(said.size).toBe(1);
    expect(await deliver({ at: now() - 301 })).toMatchObject({ status: 401, code: 'scheduler.webhook_stale' });
    expect(await stack.rest.get('/v1/events?type=push')).toEqual(before);
  });

  test('is good with the old secret for an hour after a new one was made, and keeps no secret in the clear', async () => {
    const rotated = await stack.rest.post<{ secret: string }>(`/v1/webhooks/${name}:rotate`, {});
    expect(await deliver({ secret: rotated.secret })).toMatchObject({ status: 202 });
    expect(await deliver()).toMatchObject({ status: 202 });
    const listed = await stack.rest.raw('GET', '/v1/webhooks');
    expect(await listed.text()).not.toMatch(/whsec_|"secret"/);
  });

  test('is bounded in number before anything is looked at', async () => {
    const answers = await Promise.all(Array.from({ length: 400 }, () => deliver({ signature: '' })));
    const codes = new Set(answers.map(({ code }) => code));
    // A scheduler that has its hands full bounds them too.
    codes.delete('scheduler.webhooks_busy');
    expect(codes).toEqual(new Set(['scheduler.webhook_unverified', 'api.too_many_requests']));
    expect((await stack.rest.raw('GET', '/v1/version')).status).toBe(200);
  });
});

describe('a person at the command line', () => {
  const said = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await sally(stack, ...args);
    if (code !== 0) throw new Error(`sally ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  };

  test('subscribes, sends an event, and sees what it caused', async () => {
    const [name, type] = [fresh('cli'), fresh('cli.done')];
    const made = await said(
      'subscription',
      'create',
      name,
      '--type',
      type,
      '--when',
      'data.n > 1',
      '--role',
      'editor',
      '--task',
      task,
    );
    expect(made).toContain(`subscription ${name} is created`);
    const sent = JSON.parse(
      await said('event', 'send', '--type', type, '--data', '{"n":2}', '--wait', '-o', 'json'),
    ) as StoredEvent;
    expect((await seen(sent.id)).text).toContain('"data":{"n":2}');
    expect(await said('event', 'send', '--type', type, '--data', '{"n":1}', '--wait')).toContain('nobody wanted it');
    expect(await said('event', 'get', sent.id)).toContain('{"n":2}');
    expect((await said('event', 'ls', '--type', type, '-o', 'name')).trim().split('\n')).toHaveLength(2);
    expect(await said('subscription', 'history', name)).toContain('started');
    await said('subscription', 'edit', name, '--when', 'data.n > 5', '--no-consent');
    expect(await said('subscription', 'get', name)).toMatch(/needs consent[^]*data\.n > 5/);
    await said('subscription', 'consent', name);
    expect(await said('subscription', 'ls')).toMatch(new RegExp(`${name} +on`));
    await said('subscription', 'rm', name);
    expect(await sally(stack, 'subscription', 'get', name)).toMatchObject({ code: 5 });
  });

  test('applies a subscription and a webhook from a file, and rotates and removes the webhook', async () => {
    const name = fresh('filed');
    const file = join(stack.data, 'triggers.yaml');
    const run = `run: {role: editor, start: {inline: look}}`;
    writeFileSync(
      file,
      `kind: Webhook\nname: ${name}\n---\nkind: Subscription\nname: ${name}\ntypes: [${name}]\n${run}\n`,
    );
    const applied = await said('apply', '-f', file, '--consent');
    expect(applied).toMatch(new RegExp(`webhook/${name} is applied.*whsec_`));
    expect(applied).toContain(`subscription/${name} is applied as version`);
    expect(await said('apply', '-f', file)).not.toContain('whsec_');
    expect(await said('webhook', 'ls')).toContain(`/v1/webhooks/acme/main/${name}`);
    expect(await said('webhook', 'rotate', name)).toMatch(/whsec_[^]*stays good until/);
    await said('webhook', 'rm', name);
    expect(await said('webhook', 'ls', '-o', 'name')).not.toContain(name);
  });
});
