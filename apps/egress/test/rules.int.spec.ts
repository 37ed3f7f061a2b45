import { once } from 'node:events';
import { connect as tlsConnect } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { subscribe } from '@sallyport/bus/events';
import { Outcome } from '@sallyport/contracts/audit/v1/audit';
import { type Decision, DecisionSchema, DenyReason, EgressService } from '@sallyport/contracts/egress/v1/egress';
import { patientClient } from '@sallyport/testkit/patient-client';
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

const reasonIn = (bytes: Buffer): string | undefined => /"reason":"([a-z_]+)"/.exec(bytes.toString())?.[1];

const special = [
  '127.0.0.1',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '169.254.170.2',
  '100.64.0.1',
  '100.100.100.200',
  '192.0.0.192',
  '168.63.129.16',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '198.18.5.5',
  '[::1]',
  '[::]',
  '[::ffff:169.254.169.254]',
  '[2002:a9fe:a9fe::]',
  '[64:ff9b::a9fe:a9fe]',
  '[2001:0:a9fe:a9fe::1]',
  '[fec0::1]',
  '[fe80::1]',
  '[fd00:ec2::254]',
  '[ff02::1]',
];

const malformed = [
  '2130706433',
  '0x7f000001',
  '0177.0.0.1',
  '127.1',
  '127.0.0.01',
  '256.1.1.1',
  'user@model.sallyport.internal',
  'a%00.example.com',
  'evil%2eexample.com',
  '-lead.example.com',
  'trail-.example.com',
  'a..b',
  '.',
  'model.sallyport.internal%25eth0',
  '[fe80::1%25eth0]',
  '[127.0.0.1]',
  'x'.repeat(64),
  `${'a.'.repeat(130)}b`,
  'model.sallyport.internal\\@evil.example',
  "a'b.example",
  '*',
];

describe('a connection', () => {
  test.each(special)('to the special address %s is forbidden', async (host) => {
    const answer = await world.http(`${host}:80`, badge);
    expect(answer).toMatchObject({ status: 403, headers: { 'sally-deny-reason': 'address_forbidden' } });
    expect(world.connections).toBe(0);
  });

  test.each(malformed)('to the malformed host %s is refused before anything is looked up', async (host) => {
    const opened = await world.open(`${host}:80`, badge);
    expect(opened.status).toBe(400);
    expect(reasonIn(await opened.rest())).toBe('host_malformed');
    expect(world.connections).toBe(0);
  });

  test.each([
    'model.sallyport.internal',
    'model.sallyport.internal:0',
    'model.sallyport.internal:65536',
    'model.sallyport.internal:080',
  ])('to %s, without a port that is one, is refused', async (target) => {
    const opened = await world.open(target, badge);
    expect(opened.status).toBe(400);
    opened.socket.destroy();
  });

  test.each(['evil\0.sallyport.internal:80', 'evil\u007f.example:80', '\u00ff.example:80', 'ev il.example:80'])(
    'with the hidden characters of %j gets no tunnel',
    async (target) => {
      const opened = await world.open(target, badge);
      expect(opened.status).toBe(400);
      opened.socket.destroy();
      expect(world.connections).toBe(0);
    },
  );

  test.each([
    ['exfil.example.com:80', 403, 'host_not_allowed'],
    ['93.184.216.34:80', 403, 'host_not_allowed'],
    ['[2606:2800:220:1::1]:80', 403, 'host_not_allowed'],
    ['model.sallyport.internal.evil.example:80', 403, 'host_not_allowed'],
    ['xmodel.sallyport.internal:80', 403, 'host_not_allowed'],
    ['model.sallyport.internal.:80', 403, 'host_not_allowed'],
    ['model.sallyport.internal:8080', 403, 'port_not_allowed'],
  ])('to %s is answered %d %s with one decision everywhere', async (target, status, reason) => {
    const heard: Decision[] = [];
    const runtime = await world.bus.connect('runtime');
    const listening = subscribe(runtime, 'egress.v1.*.*.decision', DecisionSchema, ({ message }) =>
      heard.push(message),
    );
    await listening.ready;
    const answer = await world.http(target, badge);
    expect(answer.status).toBe(status);
    const problem = JSON.parse(answer.body) as Record<string, unknown>;
    expect(problem).toMatchObject({ code: 'egress.denied', reason, decision: expect.stringMatching(/^dec_/) });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/problem+json',
      'sally-decision': problem['decision'],
      'sally-deny-reason': reason,
      connection: 'close',
    });
    expect(world.audited).toMatchObject([
      {
        kind: 'egress.deny',
        outcome: Outcome.DENY,
        reason,
        decision: problem['decision'],
        resource: `host/${target}`,
        run: 'run_1',
        dispatch: 'dsp_1',
      },
    ]);
    const api = patientClient(await world.bus.connect('api'), 'egress', EgressService);
    const { decision } = await api.getDecision(
      { id: String(problem['decision']) },
      { token: await world.issuer.session('egress') },
    );
    expect(decision).toMatchObject({ target, allowed: false, method: 'GET', org: 'acme' });
    await runtime.nats.flush();
    expect(heard).toMatchObject([{ id: problem['decision'], reason: decision?.reason }]);
    listening.stop();
  });

  test.each([
    ['another Host', 'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n', 'host_mismatch'],
    ['another port', 'GET / HTTP/1.1\r\nHost: model.sallyport.internal:81\r\n\r\n', 'host_mismatch'],
    [
      'another host in the request line',
      'GET http://evil.example/ HTTP/1.1\r\nHost: model.sallyport.internal\r\n\r\n',
      'host_mismatch',
    ],
    ['two Hosts', 'GET / HTTP/1.1\r\nHost: model.sallyport.internal\r\nHost: evil.example\r\n\r\n', 'host_malformed'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 'host_malformed'],
    ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 'host_malformed'],
    ['a user part', 'GET / HTTP/1.1\r\nHost: a@model.sallyport.internal\r\n\r\n', 'host_malformed'],
    ['a NUL in Host', 'GET / HTTP/1.1\r\nHost: model.sallyport.internal\0\r\n\r\n', 'host_malformed'],
    ['a CR in the path', 'GET /\rX HTTP/1.1\r\nHost: model.sallyport.internal\r\n\r\n', 'host_malformed'],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: model.sallyport.internal\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'host_malformed',
    ],
    ['a nested CONNECT', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n', 'host_not_allowed'],
    ['HTTP/2 by prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'host_malformed'],
  ])('to the model with %s is denied', async (_name, bytes, reason) => {
    expect(reasonIn(await world.raw(model, badge, bytes))).toBe(reason);
    expect(world.audited).toMatchObject([{ kind: 'egress.deny', reason }]);
    expect(world.connections).toBe(0);
  });

  test('of a pipeline leave no more than one decision behind', async () => {
    const ask = 'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n';
    const { socket } = await world.open('evil.example:80', badge);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined).resume();
    for (let burst = 0; burst < 20; burst += 1) socket.write(ask.repeat(1_000));
    await closed;
    // What came in behind it would be recorded before this one's answer.
    await world.http('exfil.example.com:80', badge);
    expect(world.audited.filter(({ resource }) => resource === 'host/evil.example:80').length).toBeLessThanOrEqual(1);
  });

  test.each(['exfil.example.com:443', model])(
    'over TLS to %s gets a fatal alert and is recorded with its server name',
    async (target) => {
      const { socket } = await world.open(target, badge);
      const secure = tlsConnect({ socket, servername: 'exfil.example.com' });
      const [error] = (await once(secure, 'error')) as [NodeJS.ErrnoException];
      expect(error.code).toBe('ERR_SSL_TLSV1_ALERT_ACCESS_DENIED');
      expect(world.audited).toMatchObject([
        { reason: 'tls_not_allowed', resource: `host/${target}`, facts: { method: 'TLS', sni: 'exfil.example.com' } },
      ]);
      secure.destroy();
    },
  );

  test.each([
    ['github.com:443', 'codex.update'],
    ['exfil.example.com:443', undefined],
  ])('to %s says by %s what it is known as', async (target, noise) => {
    const { socket } = await world.open(target, badge);
    const secure = tlsConnect({ socket, servername: 'x.example' });
    await once(secure, 'error');
    secure.destroy();
    await world.http(target.replace('443', '80'), badge);
    expect(world.audited.map(({ reason, facts }) => [reason, facts['noise']])).toEqual([
      ['tls_not_allowed', noise],
      ['host_not_allowed', noise],
    ]);
    const id = world.audited[0]?.decision ?? '';
    const api = patientClient(await world.bus.connect('api'), 'egress', EgressService);
    const { decision } = await api.getDecision({ id }, { token: await world.issuer.session('egress') });
    expect(decision?.noise).toBe(noise ?? '');
  });

  test('that is no protocol of ours is closed and recorded', async () => {
    expect(await world.raw('exfil.example.com:22', badge, Buffer.from([0x05, 0x01, 0x00]))).toHaveLength(0);
    expect(world.audited).toMatchObject([{ reason: 'protocol_unknown', facts: { method: 'RAW' } }]);
  });

  test('that waits for the server to speak is closed', async () => {
    const hasty = await EgressWorld.start({ SALLY_EGRESS_FIRST_BYTE_MS: '50' });
    const opened = await hasty.open('exfil.example.com:25', await hasty.dispatch());
    expect(await opened.rest()).toHaveLength(0);
    expect(hasty.audited).toMatchObject([{ reason: 'protocol_unknown' }]);
    opened.socket.destroy();
    await hasty.close();
  });
});

describe('resolve', () => {
  const ask = async (name: string, type: string) => {
    const { token, key } = badge;
    const runtime = patientClient(await world.bus.connect('runtime'), 'egress', EgressService);
    return runtime.resolve(
      { name, type },
      { token, prove: (target) => Promise.resolve(key.prove(target, token, Date.now())) },
    );
  };

  test('answers every name with an address of its own that leads nowhere', async () => {
    expect((await ask('model.sallyport.internal', 'A')).addresses).toEqual(['198.18.0.1']);
    const [first] = (await ask('exfil.example.com', 'A')).addresses;
    expect(first).toMatch(/^198\.1[89]\./);
    expect((await ask('EXFIL.example.com', 'A')).addresses).toEqual([first]);
    expect((await ask('exfil.example.com', 'AAAA')).addresses).toEqual([]);
    expect((await ask('a b', 'A')).addresses).toEqual([]);
  });

  test('refuses other questions', async () => {
    await expect(ask('example.com', 'TXT')).rejects.toMatchObject({
      code: 'invalid_argument',
      reason: 'egress.question_invalid',
    });
  });
});

describe('a decision', () => {
  test('of another org or environment is not found', async () => {
    const { headers } = await world.http('exfil.example.com:80', badge);
    const id = String(headers['sally-decision']);
    const api = patientClient(await world.bus.connect('api'), 'egress', EgressService);
    for (const claims of [{ org: 'other' }, { env: 'other' }]) {
      const token = await world.issuer.session('egress', claims);
      await expect(api.getDecision({ id }, { token })).rejects.toMatchObject({
        code: 'not_found',
        reason: 'egress.decision_not_found',
      });
    }
  });

  test('carries its reason', async () => {
    const { headers } = await world.http('exfil.example.com:80', badge);
    const api = patientClient(await world.bus.connect('api'), 'egress', EgressService);
    const token = await world.issuer.session('egress');
    const { decision } = await api.getDecision({ id: String(headers['sally-decision']) }, { token });
    expect(decision?.reason).toBe(DenyReason.HOST_NOT_ALLOWED);
  });
});
