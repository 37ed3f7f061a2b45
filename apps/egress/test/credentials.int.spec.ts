import { once } from 'node:events';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { toJsonString } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { EventSchema } from '@sallyport/contracts/audit/v1/audit';
import { type Badge, EgressWorld } from './egress-world.ts';
import { providerCertificate, providerKey } from './provider-certificate.ts';

const secret = 'sk-planted-0123456789abcdef';
const model = 'model.sallyport.internal:80';

let world: EgressWorld;

beforeAll(async () => {
  world = await EgressWorld.start();
});
afterAll(() => world.close());
beforeEach(() => world.reset());
afterEach(() => rmSync(world.credentials, { recursive: true, force: true }));

/** A dispatch whose role names a credential. */
const needing = (credential: string, dialect = 'anthropic_messages', url = world.providerUrl): Promise<Badge> => {
  const { tctx } = world.issuer.dispatchClaims('');
  return world.dispatch({ tctx: { ...tctx, net: { ...tctx.net, url, credential, dialect } } });
};

const put = (name: string, content = `${secret}\norigin ${world.providerUrl}\n`, mode = 0o600): string =>
  world.file(`credentials/${name}`, content, mode);

const agentsOwn = {
  authorization: 'Bearer agent',
  'x-api-key': 'agent',
  'api-key': 'agent',
  'x-goog-api-key': 'agent',
  'accept-encoding': 'gzip',
  range: 'bytes=0-3',
};

describe('the credential of a provider', () => {
  test.each([
    ['anthropic_messages', { 'x-api-key': secret }],
    ['openai_chat', { authorization: `Bearer ${secret}` }],
    ['openai_responses', { authorization: `Bearer ${secret}` }],
    ['gemini', { 'x-goog-api-key': secret }],
  ])('is shown in %s in place of what the agent sent, audited first by its name', async (dialect, header) => {
    put('acme/main/vendor');
    let before: unknown[] = [];
    world.provide = (_request, response) => {
      before = world.audited.map(({ kind, facts }) => [kind, facts['credential']]);
      response.end('pong');
    };
    const path = '/v1/messages?key=agent&alt=sse&Api_Key=agent&%6bey=agent&q=a+b';
    const answer = await world.http(model, await needing('vendor', dialect), { path, headers: agentsOwn });
    expect(answer).toMatchObject({ status: 200, body: 'pong' });
    expect(before).toEqual([['egress.allow', 'vendor']]);
    const { host: _host, connection: _connection, ...sent } = world.seen[0]?.headers ?? {};
    expect(sent).toEqual({ ...header, 'accept-encoding': 'identity' });
    expect(world.seen[0]?.url).toBe('/v1/messages?alt=sse&q=a+b');
  });

  test('may be one of every org, and the own one goes before it', async () => {
    put('vendor', `shared-0123456789\norigin ${world.providerUrl}`);
    await world.http(model, await needing('vendor'));
    put('acme/main/vendor');
    await world.http(model, await needing('vendor'));
    expect(world.seen.map(({ headers }) => headers['x-api-key'])).toEqual(['shared-0123456789', secret]);
  });

  test('is read when it is used', async () => {
    const badge = await needing('vendor');
    expect((await world.http(model, badge)).status).toBe(403);
    put('acme/main/vendor');
    expect((await world.http(model, badge)).status).toBe(200);
    rmSync(world.credentials, { recursive: true });
    expect((await world.http(model, badge)).status).toBe(403);
  });

  const unusable: [string, string, () => unknown][] = [
    ['is not there', 'vendor', () => undefined],
    ['is of another org', 'vendor', () => put('other/main/vendor')],
    ['is of another environment', 'vendor', () => put('acme/lab/vendor')],
    ['can be read by others', 'vendor', () => put('acme/main/vendor', `${secret}\norigin ${world.providerUrl}`, 0o640)],
    ['is not understood', 'vendor', () => put('acme/main/vendor', `${secret} ${secret}`)],
    ['is larger than any', 'vendor', () => put('acme/main/vendor', 'x'.repeat(17_000))],
    ['is a directory', 'acme', () => put('acme/main/vendor')],
    ['is a link', 'vendor', () => symlinkSync(put('real'), join(mkdirs('acme/main'), 'vendor'))],
    ['is a path', '../ca.pem', () => undefined],
    ['is a path into another org', '../../other/main/vendor', () => put('other/main/vendor')],
  ];

  test.each(unusable)('that %s denies the request by its name alone', async (_what, name, plant) => {
    plant();
    const answer = await world.http(model, await needing(name));
    expect(answer).toMatchObject({ status: 403, headers: { 'sally-deny-reason': 'credential_missing' } });
    expect(JSON.parse(answer.body)).toMatchObject({ reason: 'credential_missing', credential: name });
    expect(answer.body).not.toContain(secret);
    expect(world.audited).toMatchObject([
      { kind: 'egress.deny', reason: 'credential_missing', facts: { credential: name } },
    ]);
    expect(world.connections).toBe(0);
  });

  test.each([
    ['bound elsewhere', `${secret}\norigin https://api.anthropic.com`],
    ['bound to the host on another port', `${secret}\norigin http://127.0.0.1:1`],
    ['bound to no origin, which is the vendor', secret],
  ])('%s is not sent to the endpoint of the role', async (_what, content) => {
    put('acme/main/vendor', content);
    const answer = await world.http(model, await needing('vendor'));
    expect(answer).toMatchObject({ status: 403, headers: { 'sally-deny-reason': 'credential_forbidden' } });
    expect(world.connections).toBe(0);
  });

  test('does not leave when the audit log cannot record', async () => {
    put('acme/main/vendor');
    world.auditDown = true;
    expect(await world.http(model, await needing('vendor'))).toMatchObject({ status: 503 });
    expect(world.connections).toBe(0);
  });

  test('goes after no redirect', async () => {
    put('acme/main/vendor');
    world.provide = (_request, response) => void response.writeHead(307, { location: `${world.providerUrl}/x` }).end();
    expect((await world.http(model, await needing('vendor'))).status).toBe(307);
    expect(world.seen).toHaveLength(1);
  });
});

describe('an endpoint that repeats what it was sent', () => {
  const echoes: [string, RequestListener][] = [
    ['in the body', (_request, response) => void response.end(`you are ${secret}`)],
    [
      'piece by piece',
      (_request, response) => {
        for (const letter of `you are ${secret}`) response.write(letter);
        response.end();
      },
    ],
    ['in a header', (_request, response) => void response.writeHead(401, { 'x-was': secret }).end('no')],
    [
      'compressed though nobody asked',
      (_request, response) =>
        void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(`you are ${secret}`)),
    ],
    [
      'compressed twice',
      (_request, response) =>
        void response.writeHead(200, { 'content-encoding': 'gzip, gzip' }).end(gzipSync(gzipSync(secret))),
    ],
    ['in base64', (_request, response) => void response.end(Buffer.from(secret).toString('base64'))],
  ];

  test.each(echoes)('%s does not give the agent the credential', async (_how, provide) => {
    put('acme/main/vendor');
    world.provide = provide;
    const answer = await world.http(model, await needing('vendor'));
    const all = JSON.stringify(answer);
    expect(answer.status).toBeGreaterThan(0);
    expect(all).not.toContain(secret);
    expect(all).not.toContain(Buffer.from(secret).toString('base64'));
    expect(all).toMatch(/\*{27,}/);
    expect(answer.headers['content-encoding']).toBeUndefined();
  });

  test('in a coding that nobody can look through is not passed on', async () => {
    put('acme/main/vendor');
    world.provide = (_request, response) =>
      void response.writeHead(200, { 'content-encoding': 'x-secret' }).end(secret);
    const answer = await world.http(model, await needing('vendor'));
    expect(answer).toMatchObject({ status: 502, headers: { 'sally-deny-reason': 'upstream_unreachable' } });
    expect(answer.body).not.toContain(secret);
  });

  test('leaves an answer without a body as it is', async () => {
    put('acme/main/vendor');
    world.provide = (_request, response) => void response.writeHead(204, { 'content-encoding': 'gzip' }).end();
    expect(await world.http(model, await needing('vendor'))).toMatchObject({ status: 204, body: '' });
  });
});

describe('a provider over TLS', () => {
  let server: Server;
  const heard: (string | string[] | undefined)[] = [];

  beforeAll(async () => {
    server = createServer({ key: providerKey, cert: providerCertificate }, (request, response) => {
      heard.push(request.headers['x-api-key']);
      response.end(request.url);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const origin = (host: string): string => `https://${host}:${(server.address() as AddressInfo).port}`;

  test.each(['localhost', '127.0.0.1'])('that shows the certificate of %s gets the credential', async (host) => {
    put('acme/main/vendor', `${secret}\norigin ${origin(host)}`);
    const badge = await needing('vendor', 'anthropic_messages', `${origin(host)}/prefix`);
    expect(await world.http(model, badge, { path: '/v1/x' })).toMatchObject({ status: 200, body: '/prefix/v1/x' });
    expect(heard.at(-1)).toBe(secret);
  });

  test('that shows the certificate of somebody else gets nothing', async () => {
    const before = heard.length;
    // The same machine under a name that the certificate does not have.
    put('acme/main/vendor', `${secret}\norigin ${origin('127.0.0.2')}`);
    const other = createServer({ key: providerKey, cert: providerCertificate }, () => heard.push('leaked'));
    other.listen((server.address() as AddressInfo).port, '127.0.0.2');
    await once(other, 'listening');
    const answer = await world.http(model, await needing('vendor', 'anthropic_messages', origin('127.0.0.2')));
    expect(answer).toMatchObject({ status: 502, headers: { 'sally-deny-reason': 'upstream_unreachable' } });
    expect(heard).toHaveLength(before);
    other.close();
  });
});

describe('what egress keeps', () => {
  test('has no credential in it', async () => {
    put('acme/main/vendor');
    world.provide = (request, response) => {
      response.writeHead(401, { 'x-was': secret }).write(secret.slice(0, 9));
      if (request.url === '/cut') response.destroy();
      else response.end(secret.slice(9));
    };
    const badge = await needing('vendor');
    await world.http(model, badge);
    await world.http(model, badge, { path: '/cut' }).catch(() => undefined);
    const rows = await world.database.store.system((db) =>
      db.query('SELECT row_to_json(decision)::text FROM decision'),
    );
    const events = (await world.events()).map((event) => toJsonString(EventSchema, event));
    expect(events.join()).toContain('vendor');
    expect(JSON.stringify(rows) + events.join()).not.toContain(secret);
  });
});

function mkdirs(path: string): string {
  const folder = join(world.credentials, path);
  mkdirSync(folder, { recursive: true });
  return folder;
}
