import { once } from 'node:events';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Outcome } from '@sallyport/contracts/audit/v1/audit';
import { type Badge, EgressWorld } from './egress-world.ts';

let world: EgressWorld;
let badge: Badge;

beforeAll(async () => {
  world = await EgressWorld.start();
});
afterAll(() => world.close());
beforeEach(async () => {
  world.reset();
  badge = await world.dispatch();
});

const model = 'model.sallyport.internal:80';

async function ask(socket: Socket, body = '{}'): Promise<IncomingMessage> {
  const call = request({
    createConnection: () => socket,
    method: 'POST',
    path: '/v1/messages',
    headers: { host: 'model.sallyport.internal' },
  });
  call.on('error', () => undefined).end(body);
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  return response;
}

describe('a request to the model', () => {
  test('reaches the provider, audited before and after under one decision', async () => {
    const before: string[] = [];
    world.provide = (_request, response) => {
      before.push(...world.audited.map(({ kind }) => kind));
      response.end('pong');
    };
    const answer = await world.http(model, badge, { method: 'POST', path: '/v1/messages?beta=true', body: '{"a":1}' });
    expect(answer).toMatchObject({ status: 200, body: 'pong' });
    expect(world.seen).toMatchObject([{ url: '/v1/messages?beta=true', body: '{"a":1}' }]);
    expect(before).toEqual(['egress.allow']);
    const [allow, outcome] = await outcomes(2);
    expect(allow).toMatchObject({ kind: 'egress.allow', decision: answer.headers['sally-decision'] });
    expect(outcome).toMatchObject({
      kind: 'egress.outcome',
      outcome: Outcome.ALLOW,
      intent: allow?.id,
      decision: allow?.decision,
      facts: { status: '200', sent: '7', received: '4' },
    });
  });

  test('loses every credential, hop header and forwarding claim on the way', async () => {
    const headers = {
      authorization: 'Bearer x',
      'x-api-key': 'x',
      cookie: 'x=1',
      forwarded: 'for=x',
      'x-forwarded-for': 'x',
      'x-forwarded-host': 'evil',
      'proxy-authorization': 'x',
      'sally-dispatch': 'x',
      dpop: 'x',
      te: 'trailers',
      connection: 'close, x-secret',
      'x-secret': '1',
      via: 'x',
      'x-real-ip': '1',
      'anthropic-version': '2023-06-01',
    };
    await world.http(model, badge, { headers });
    const { host, connection, ...sent } = world.seen[0]!.headers;
    expect(sent).toEqual({ 'anthropic-version': '2023-06-01' });
    expect([host, connection]).toEqual([new URL(world.providerUrl).host, 'keep-alive']);
  });

  test('does not follow a redirect, and the answer cannot speak for egress', async () => {
    world.provide = (_request, response) => {
      response
        .writeHead(302, { location: 'http://169.254.169.254/', 'sally-decision': 'dec_forged', 'set-cookie': 'a=b' })
        .end();
    };
    const answer = await world.http(model, badge);
    expect(answer.status).toBe(302);
    expect(answer.headers['sally-decision']).not.toBe('dec_forged');
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(world.seen).toHaveLength(1);
  });

  test('streams both ways without holding anything back', async () => {
    let upstream: ServerResponse | undefined;
    world.provide = (_request, response) => {
      upstream = response;
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    };
    const { socket } = await world.open(model, badge);
    const response = await ask(socket);
    const heard: string[] = [];
    for await (const chunk of response) {
      heard.push(String(chunk));
      // The second is only sent once the first has arrived.
      if (heard.length === 1) upstream?.end('data: 2\n\n');
    }
    expect(heard).toEqual(['data: 1\n\n', 'data: 2\n\n']);
  });

  test('keeps its tunnel for the next one', async () => {
    const { socket } = await world.open(model, badge);
    for (const round of [1, 2]) {
      socket.write('GET / HTTP/1.1\r\nHost: model.sallyport.internal\r\n\r\n');
      await once(socket, 'readable');
      expect(String(socket.read())).toContain('pong');
      expect(world.seen).toHaveLength(round);
    }
    socket.destroy();
  });

  test('that the provider does not answer is an outcome with a reason', async () => {
    const answer = await world.http(model, await world.dispatch({}, 'http://127.0.0.1:1'));
    expect(answer).toMatchObject({ status: 502, headers: { 'sally-deny-reason': 'upstream_unreachable' } });
    expect((await outcomes(2))[1]).toMatchObject({
      kind: 'egress.outcome',
      outcome: Outcome.ERROR,
      reason: 'upstream_unreachable',
    });
  });

  test.each([
    'http://169.254.169.254',
    'http://[fd00:ec2::254]',
    'http://100.100.100.200',
    'http://0.0.0.0',
    'http://[::ffff:169.254.169.254]',
  ])('is not taken to %s even when a role names it', async (url) => {
    const answer = await world.http(model, await world.dispatch({}, url));
    expect(answer).toMatchObject({ status: 403, headers: { 'sally-deny-reason': 'address_forbidden' } });
  });

  test('of a run without a provider is denied', async () => {
    expect(await world.http(model, await world.dispatch({}, ''))).toMatchObject({ status: 403 });
  });

  test.each([
    ['/prefix', '/v1/messages', '/prefix/v1/messages'],
    ['/v1', '/v1/messages', '/v1/messages'],
    ['/openai/v1/', '/v1/chat/completions', '/openai/v1/chat/completions'],
    ['', '/', '/'],
  ])('below the provider’s %j goes from %s to %s', async (prefix, path, url) => {
    await world.http(model, await world.dispatch({}, `${world.providerUrl}${prefix}`), { path });
    expect(world.seen).toMatchObject([{ url }]);
  });

  test.each(['/../admin', '/%2e%2e/admin', '/a/../../admin', '/..\\admin'])(
    'cannot leave the prefix by %s',
    async (path) => {
      const answer = await world.http(model, await world.dispatch({}, `${world.providerUrl}/prefix`), { path });
      expect(answer).toMatchObject({ status: 400, headers: { 'sally-deny-reason': 'host_malformed' } });
      expect(world.connections).toBe(0);
    },
  );
});

describe('when the audit log cannot record', () => {
  test('nothing reaches the provider', async () => {
    world.auditDown = true;
    const answer = await world.http(model, badge);
    expect(answer).toMatchObject({ status: 503, headers: { 'sally-deny-reason': 'audit_unavailable' } });
    expect([world.connections, world.seen.length]).toEqual([0, 0]);
  });

  test('a denial is one all the same', async () => {
    world.auditDown = true;
    expect(await world.http('exfil.example.com:80', badge)).toMatchObject({ status: 503 });
  });

  test('the next request after it recovered goes through', async () => {
    world.auditDown = true;
    await world.http(model, badge);
    world.auditDown = false;
    expect(await world.http(model, badge)).toMatchObject({ status: 200 });
  });
});

describe('when a run is revoked', () => {
  test('what is under way ends, upstream too', async () => {
    const mine = await world.dispatch({ txn: 'run_stopped' });
    const closed = Promise.withResolvers<void>();
    world.provide = (_request, response) => {
      response.writeHead(200).write('first');
      response.once('close', () => closed.resolve());
    };
    const { socket } = await world.open(model, mine);
    const response = await ask(socket);
    await once(response, 'data');
    // The provider is not done with its answer and never will be.
    world.revoke({ kind: 'run', id: 'run_stopped' });
    await Promise.all([once(socket, 'close'), closed.promise]);
    expect((await outcomes(2))[1]).toMatchObject({ outcome: Outcome.ERROR, reason: 'run_not_active' });
  });

  test('another run goes on', async () => {
    world.revoke({ kind: 'run', id: 'run_someone' });
    expect(await world.http(model, badge)).toMatchObject({ status: 200 });
  });
});

/** Events of this test; the outcome is written after the answer, so it is waited for. */
async function outcomes(count: number) {
  for (;;) {
    const decided = world.audited.map(({ decision }) => decision);
    const events = (await world.events()).filter(({ decision }) => decided.includes(decision));
    if (events.length >= count) return events;
  }
}
