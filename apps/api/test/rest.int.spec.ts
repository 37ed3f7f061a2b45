import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { adaKey, eveKey } from './fakes/fake-identity.ts';
import { FakeStack } from './fakes/fake-stack.ts';

let stack: FakeStack;

beforeAll(async () => {
  stack = await FakeStack.start();
});
afterAll(() => stack.stop());

const problem = async (response: Response): Promise<Record<string, unknown>> => {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  return (await response.json()) as Record<string, unknown>;
};

describe('a run', () => {
  test('is accepted with 202 and a Location, in the REST form', async () => {
    const response = await stack.json('/v1/runs', 'POST', {
      role: 'demo',
      task: 'write a report',
      mounts: [{ workspace: 'demo', mode: 'rw' }],
    });
    const run = (await response.json()) as Record<string, unknown>;
    expect(response.status).toBe(202);
    expect(response.headers.get('location')).toBe(`/v1/runs/${String(run['id'])}`);
    expect(run).toMatchObject({
      state: 'running',
      role: 'demo',
      mounts: [{ workspace: 'demo', mode: 'rw' }],
      epoch: 0,
    });
    expect(run).not.toHaveProperty('verdict');
  });

  test('is the same run for the same idempotency key, and 422 for other content', async () => {
    const once = { 'idempotency-key': 'tick-1' };
    const first = await stack.json('/v1/runs', 'POST', { role: 'demo', task: 'a' }, once);
    const second = await stack.json('/v1/runs', 'POST', { role: 'demo', task: 'a' }, once);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(((await second.json()) as { id: string }).id).toBe(((await first.json()) as { id: string }).id);
    const other = await stack.json('/v1/runs', 'POST', { role: 'demo', task: 'b' }, once);
    expect(other.status).toBe(422);
    expect(await problem(other)).toMatchObject({ code: 'scheduler.idempotency_mismatch' });
  });

  test('is waited for until it ends', async () => {
    const run = stack.scheduler.accept('acme');
    const waiting = stack.fetch(`/v1/runs/${run.id}?wait=20s`);
    const asked = stack.scheduler.service.count('GetRun');
    while (stack.scheduler.service.count('GetRun') < asked + 2) await new Promise((resolve) => setImmediate(resolve));
    stack.scheduler.end(run.id, RunState.COMPLETED);
    expect(await (await waiting).json()).toMatchObject({ id: run.id, state: 'completed' });
  });

  test('is not found by another org', async () => {
    const run = stack.scheduler.accept('acme');
    const response = await stack.fetch(`/v1/runs/${run.id}`, { key: eveKey });
    expect(response.status).toBe(404);
    expect(await problem(response)).toMatchObject({ code: 'scheduler.run_not_found' });
  });

  test('cannot be cancelled once it is over', async () => {
    const run = stack.scheduler.accept('acme');
    expect((await stack.json(`/v1/runs/${run.id}:cancel`, 'POST', { why: 'no need' })).status).toBe(202);
    const again = await stack.json(`/v1/runs/${run.id}:cancel`, 'POST', {});
    expect(again.status).toBe(409);
    expect(await problem(again)).toMatchObject({ code: 'scheduler.run_ended', facts: { run: run.id } });
  });

  test('is listed in pages', async () => {
    for (let count = 0; count < 3; count += 1) stack.scheduler.accept('acme');
    const first = (await (await stack.fetch('/v1/runs?limit=2')).json()) as { items: unknown[]; next_cursor: string };
    expect(first.items).toHaveLength(2);
    const second = (await (await stack.fetch(`/v1/runs?limit=500&cursor=${first.next_cursor}`)).json()) as {
      items: unknown[];
      next_cursor: null;
      limit: number;
    };
    expect(second).toMatchObject({ next_cursor: null, limit: 200 });
  });
});

describe('a refusal', () => {
  const cases: readonly (readonly [string, string, RequestInit & { key?: string | null }, number, string])[] = [
    ['no key', '/v1/runs', { key: null }, 401, 'api.key_missing'],
    ['something that is no key', '/v1/runs', { key: 'password' }, 401, 'api.key_malformed'],
    ['an unknown key', '/v1/runs', { key: `sally_${'x'.repeat(43)}` }, 401, 'identity.key_invalid'],
    [
      'an unknown key with a body nobody has to read',
      '/v1/runs',
      { key: `sally_${'x'.repeat(43)}`, method: 'POST', body: '{', headers: { 'content-encoding': 'gzip' } },
      401,
      'identity.key_invalid',
    ],
    [
      'an unknown key with an event nobody has to read',
      '/v1/events',
      { key: `sally_${'x'.repeat(43)}`, method: 'POST', body: '{', headers: { 'content-encoding': 'gzip' } },
      401,
      'identity.key_invalid',
    ],
    [
      'a compressed body without a key',
      '/v1/webhooks/acme/main/shop',
      { key: null, method: 'POST', body: '{}', headers: { 'content-encoding': 'gzip' } },
      415,
      'api.encoding_unsupported',
    ],
    ['an unknown route', '/v1/nothing', {}, 404, 'api.route_unknown'],
    ['another method', '/v1/runs', { method: 'DELETE' }, 405, 'api.method_not_allowed'],
    [
      'a cross-origin preflight',
      '/v1/runs',
      { method: 'OPTIONS', headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' } },
      405,
      'api.method_not_allowed',
    ],
    ['an unknown query parameter', '/v1/runs?colour=red', {}, 400, 'api.invalid_request'],
    ['a limit that is no number', '/v1/runs?limit=many', {}, 400, 'api.invalid_request'],
    [
      'a body that is not JSON',
      '/v1/runs',
      { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } },
      400,
      'api.body_malformed',
    ],
    [
      'a body of another type',
      '/v1/runs',
      { method: 'POST', body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'api.media_type_unsupported',
    ],
    [
      'an unknown field',
      '/v1/runs',
      { method: 'POST', body: '{"role":"demo","root":true}', headers: { 'content-type': 'application/json' } },
      400,
      'api.invalid_request',
    ],
    [
      'an unknown mount mode',
      '/v1/runs',
      {
        method: 'POST',
        body: '{"role":"demo","mounts":[{"workspace":"demo","mode":"rwx"}]}',
        headers: { 'content-type': 'application/json' },
      },
      400,
      'api.invalid_request',
    ],
    [
      'a task of 300 KiB',
      '/v1/runs',
      {
        method: 'POST',
        body: JSON.stringify({ role: 'demo', task: 'x'.repeat(300 * 1024) }),
        headers: { 'content-type': 'application/json' },
      },
      413,
      'api.task_too_large',
    ],
    [
      'a body of 10 MB',
      '/v1/runs',
      {
        method: 'POST',
        body: JSON.stringify({ role: 'demo', task: 'x'.repeat(10_000_000) }),
        headers: { 'content-type': 'application/json' },
      },
      413,
      'api.body_too_large',
    ],
    [
      'an unknown encoding',
      '/v1/runs',
      { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', 'content-encoding': 'br' } },
      415,
      'api.encoding_unsupported',
    ],
    [
      'an unknown role',
      '/v1/runs',
      { method: 'POST', body: '{"role":"nobody","task":"x"}', headers: { 'content-type': 'application/json' } },
      404,
      'scheduler.role_not_found',
    ],
    ['a push', '/git/acme/demo/git-receive-pack', { method: 'POST' }, 403, 'api.push_refused'],
    [
      'a clone from another org',
      '/git/acme/demo/info/refs?service=git-upload-pack',
      { key: eveKey },
      404,
      'api.workspace_unknown',
    ],
    ['a stream of unknown types', '/v1/runs/run_1/events?types=nothing', {}, 400, 'api.invalid_request'],
    [
      'a malformed If-Match',
      '/v1/roles/demo',
      { method: 'PUT', body: '{}', headers: { 'content-type': 'application/json', 'if-match': '3' } },
      400,
      'api.invalid_request',
    ],
    ['an unknown decision', '/v1/egress/decisions/dec_2', {}, 404, 'egress.decision_not_found'],
  ];

  test.each(cases)('of %s is a problem document', async (_, path, init, status, code) => {
    const response = await stack.fetch(path, init);
    const body = await problem(response);
    expect({ status: response.status, code: body['code'] }).toEqual({ status, code });
    expect(body).toMatchObject({ status, type: `/problems/${code}`, instance: path.split('?')[0] });
    expect(String(body['trace_id'])).toMatch(/^[0-9a-f]{32}$/);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    if (status === 401) expect(response.headers.get('www-authenticate')).toBe('Bearer realm="sallyport"');
  });

  test('names every violation by a JSON pointer', async () => {
    const response = await stack.json('/v1/runs', 'POST', { role: 'demo', root: 1, mounts: [{ workspace: 5 }] });
    const { errors } = (await problem(response)) as { errors: { pointer: string }[] };
    expect(errors.map(({ pointer }) => pointer).sort()).toEqual(['/body/mounts/0/workspace', '/body/root']);
  });

  test.each(['bogus', 'running&state=bogus'])('of the state %s names the states there are', async (state) => {
    const { errors } = (await problem(await stack.fetch(`/v1/runs?state=${state}`))) as {
      errors: { pointer: string; detail: string }[];
    };
    expect(errors).toHaveLength(1);
    expect(errors[0]?.pointer).toMatch(/^\/query\/state/);
    expect(errors[0]?.detail).toContain('cancelled');
  });

  test('of a host name of somebody else is 421', async () => {
    const { request } = await import('node:http');
    const status = await new Promise((resolve) =>
      request({ port: stack.port, path: '/healthz', headers: { host: 'rebound.example:7420' } }, (answer) =>
        resolve(answer.statusCode),
      ).end(),
    );
    expect(status).toBe(421);
  });

  test('is 503 with Retry-After when the service is not there', async () => {
    const alone = await FakeStack.start();
    alone.scheduler.service.stop();
    const response = await alone.fetch('/v1/runs');
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await problem(response)).toMatchObject({ code: 'bus.no_responder', retryable: true });
    const status = (await (await alone.fetch('/v1/status')).json()) as {
      status: string;
      services: { name: string; state: string }[];
    };
    expect(status.status).toBe('degraded');
    expect(status.services.filter(({ state }) => state !== 'ready').map(({ name }) => name)).toEqual(['scheduler']);
    await alone.stop();
  });
});

describe('a session', () => {
  test('is opened once per key and audience', async () => {
    await stack.fetch('/v1/runs');
    const before = stack.identity.service.count('OpenSession');
    await Promise.all(Array.from({ length: 20 }, () => stack.fetch('/v1/runs')));
    expect(stack.identity.service.count('OpenSession')).toBe(before);
  });

  test('that a service refuses is opened anew, once', async () => {
    await stack.fetch('/v1/runs');
    const before = stack.identity.service.count('OpenSession');
    stack.scheduler.refusals = 1;
    expect((await stack.fetch('/v1/runs')).status).toBe(200);
    expect(stack.identity.service.count('OpenSession')).toBe(before + 1);
    stack.scheduler.refusals = 2;
    expect((await stack.fetch('/v1/runs')).status).toBe(401);
    stack.scheduler.refusals = 0;
  });

  test('of a revoked key ends in the refusal of identity', async () => {
    await stack.fetch('/v1/runs', { key: eveKey });
    stack.identity.revoked.add(eveKey);
    stack.scheduler.refusals = 1;
    const response = await stack.fetch('/v1/runs', { key: eveKey });
    stack.identity.revoked.delete(eveKey);
    expect(response.status).toBe(401);
    expect(await problem(response)).toMatchObject({ code: 'identity.key_invalid' });
  });
});

describe('a role', () => {
  test('round-trips with its version as entity tag, and a stale one is 412', async () => {
    const put = await stack.json('/v1/roles/writer', 'PUT', {
      runner: 'native',
      provider: { name: 'scripted', dialect: 'anthropic_messages', base_url: 'http://127.0.0.1:9' },
      limits: { memory_bytes: 1024 },
    });
    expect(put.status).toBe(200);
    expect(put.headers.get('etag')).toBe('"1"');
    const got = (await (await stack.fetch('/v1/roles/writer')).json()) as Record<string, unknown>;
    expect(got).toMatchObject({
      name: 'writer',
      version: 1,
      provider: { dialect: 'anthropic_messages' },
      limits: { memory_bytes: 1024 },
    });
    expect((await stack.json('/v1/roles/writer', 'PUT', got, { 'if-match': '"1"' })).status).toBe(200);
    const stale = await stack.json('/v1/roles/writer', 'PUT', got, { 'if-match': '"1"' });
    expect(stale.status).toBe(412);
    expect(await problem(stale)).toMatchObject({ code: 'scheduler.role_changed' });
  });
});

describe('every answer', () => {
  test("carries a request id and a trace, the caller's own when there is one", async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const response = await stack.fetch('/healthz', {
      headers: { 'x-request-id': 'mine', traceparent: `00-${trace}-00f067aa0ba902b7-01` },
    });
    expect(response.headers.get('x-request-id')).toBe('mine');
    expect(response.headers.get('traceparent')).toContain(trace);
  });

  test('of readiness names what it depends on', async () => {
    const response = await stack.fetch('/readyz', { key: null });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      status: 'ready',
      dependencies: [{ name: 'nats' }, { name: 'identity' }],
    });
  });

  test('of a mutation with an idempotency key is replayed', async () => {
    const once = { 'idempotency-key': 'undo-1' };
    const first = await stack.json('/v1/workspaces/demo:undo', 'POST', {}, once);
    const second = await stack.json('/v1/workspaces/demo:undo', 'POST', {}, once);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(await second.json()).toEqual(await first.json());
    expect((await stack.json('/v1/workspaces/demo:undo', 'POST', { commit: 'abc' }, once)).status).toBe(422);
  });

  test('is refused to a key that was revoked meanwhile, were it kept or the API’s own', async () => {
    const once = { 'idempotency-key': 'undo-2' };
    expect((await stack.json('/v1/workspaces/demo:undo', 'POST', {}, once)).status).toBe(200);
    expect((await stack.fetch('/v1/status')).status).toBe(200);
    stack.identity.revoked.add(adaKey);
    try {
      expect((await stack.json('/v1/workspaces/demo:undo', 'POST', {}, once)).status).toBe(401);
      expect((await stack.fetch('/v1/status')).status).toBe(401);
    } finally {
      stack.identity.revoked.delete(adaKey);
    }
  });

  test.each(['{"task":"\\ud800"}', '{"\\udfff":1}', '{"argv":["\\ud83d"]}'])(
    'of half a character, %s, is 400',
    async (body) => {
      const headers = { 'content-type': 'application/json' };
      const response = await stack.fetch('/v1/runs', { method: 'POST', body, headers });
      expect(response.status).toBe(400);
      expect(await problem(response)).toMatchObject({ code: 'api.body_malformed' });
    },
  );

  test('of a pipeline is none after the first', async () => {
    const socket = connect(stack.port, '127.0.0.1');
    let said = '';
    socket.on('error', () => undefined).on('data', (bytes) => (said += bytes.toString()));
    socket.write('GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(5_000));
    await new Promise((resolve) => socket.once('close', resolve));
    expect(said.match(/HTTP\/1\.1 /g)?.length ?? 0).toBeLessThanOrEqual(1);
  });
});
