import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { busClient } from '@sallyport/bus/client';
import { AuditService } from '@sallyport/contracts/audit/v1/audit';
import { EgressService } from '@sallyport/contracts/egress/v1/egress';
import { IdentityService } from '@sallyport/contracts/identity/v1/identity';
import { RuntimeService } from '@sallyport/contracts/runtime/v1/runtime';
import { ScheduleService } from '@sallyport/contracts/schedule/v1/schedule';
import { MountMode } from '@sallyport/contracts/unit/v1/unit';
import { WorkspaceService } from '@sallyport/contracts/workspace/v1/workspace';
import type { Caller } from '@sallyport/core/access';
import { postgresUrl } from '@sallyport/store/embedded-postgres';
import { TestIssuer } from '@sallyport/testkit/issuer';
import { ProofKey } from '@sallyport/trust/proof';
import pg from 'pg';
import { StartedStack } from './started-stack.ts';

/**
 * Every other service is honest and the attacker holds the right bus user: only the token stands between it and the effect. Tokens come from a
 * chain of the attacker's own keys, from the true chain but another class or audience, or are no tokens at all.
 */

let stack: StartedStack;
let forger: TestIssuer;
let session: string;
const call = async <T>(
  caller: Caller,
  use: (bus: Awaited<ReturnType<StartedStack['bus']>>) => Promise<T>,
): Promise<T> => use(await stack.bus(caller));

beforeAll(async () => {
  stack = await StartedStack.start();
  forger = await TestIssuer.create();
  const opened = await call('api', (bus) =>
    busClient(bus, 'identity', IdentityService).openSession({ secret: stack.rest.token, audience: 'scheduler' }),
  );
  session = opened.token;
});

afterAll(() => stack.stop());

const flipped = (token: string): string => {
  const at = token.lastIndexOf('.') + 10;
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
};

const unsigned = (): string => {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none', typ: 'txntoken+jwt', kid: 'x' })}.${part({ sub: 'usr_1', aud: 'sallyport' })}.`;
};

interface Attack {
  readonly service: string;
  /** Calls with a token, and a proof where the row asks for one. */
  readonly send: (token: string | undefined, key: ProofKey) => Promise<unknown>;
  /** Class the boundary wants. */
  readonly wants: 'session' | 'intent' | 'dispatch';
}

const withProof = (token: string | undefined, key: ProofKey) => ({
  token,
  prove: async (target: { method: string; uri: string }) => key.prove(target, token ?? '', Date.now()),
});

const attacks: readonly Attack[] = [
  {
    service: 'identity ExchangeIntent',
    wants: 'intent',
    send: (token) =>
      call('runtime', (bus) =>
        busClient(bus, 'identity', IdentityService).exchangeIntent({ evidence: {}, proofJwk: '{}' }, { token }),
      ),
  },
  {
    service: 'identity RenewDispatch',
    wants: 'dispatch',
    send: (token, key) =>
      call('runtime', (bus) =>
        busClient(bus, 'identity', IdentityService).renewDispatch({ evidence: {} }, withProof(token, key)),
      ),
  },
  {
    service: 'identity AuthorizeLaunch',
    wants: 'session',
    send: (token) =>
      call('scheduler', (bus) => busClient(bus, 'identity', IdentityService).authorizeLaunch({ unit: {} }, { token })),
  },
  {
    service: 'runtime CreateWorkload',
    wants: 'intent',
    send: (token) =>
      call('scheduler', (bus) => busClient(bus, 'runtime', RuntimeService).createWorkload({ unit: {} }, { token })),
  },
  {
    service: 'workspace PrepareMount',
    wants: 'dispatch',
    send: (token, key) =>
      call('runtime', (bus) =>
        busClient(bus, 'workspace', WorkspaceService).prepareMount(
          { mount: { workspace: 'company', mode: MountMode.RW } },
          withProof(token, key),
        ),
      ),
  },
  {
    service: 'workspace UndoCommit',
    wants: 'session',
    send: (token) =>
      call('api', (bus) =>
        busClient(bus, 'workspace', WorkspaceService).undoCommit({ workspace: 'company' }, { token }),
      ),
  },
  {
    service: 'egress Resolve',
    wants: 'dispatch',
    send: (token, key) =>
      call('runtime', (bus) =>
        busClient(bus, 'egress', EgressService).resolve(
          { name: 'model.sallyport.internal', type: 'A' },
          withProof(token, key),
        ),
      ),
  },
  {
    service: 'audit Query',
    wants: 'session',
    send: (token) => call('api', (bus) => busClient(bus, 'audit', AuditService).query({}, { token })),
  },
  {
    service: 'scheduler AppendOutput',
    wants: 'dispatch',
    send: (token, key) =>
      call('runtime', (bus) =>
        busClient(bus, 'scheduler', ScheduleService).appendOutput({ events: [] }, withProof(token, key)),
      ),
  },
  {
    service: 'scheduler CreateRun',
    wants: 'session',
    send: (token) =>
      call('api', (bus) =>
        busClient(bus, 'scheduler', ScheduleService).createRun({ runner: 'exec', argv: ['true'] }, { token }),
      ),
  },
];

const refusal = { code: 'unauthenticated', reason: expect.stringMatching(/^(?:token|proof)\./) };

// The first of all: the count it starts from has no refusal under way to it.
describe('what the gates refused', () => {
  test('is on record in the installation’s own log, one event a call', async () => {
    const key = await ProofKey.generate();
    const before = await refusalsOnRecord();
    const attack = attacks.find(({ service }) => service === 'workspace PrepareMount');
    for (let call = 0; call < 3; call += 1) await expect(attack?.send(unsigned(), key)).rejects.toMatchObject(refusal);
    await expect(
      call('audit', (bus) => busClient(bus, 'workspace', WorkspaceService).listWorkspaces({})),
    ).rejects.toMatchObject({ reason: 'bus.caller' });
    await until(async () => (await refusalsOnRecord()) === before + 4);
  });
});

describe.each(attacks.map((attack) => [attack.service, attack] as const))('%s', (_, { send, wants }) => {
  test('refuses a token of a stranger’s chain', async () => {
    const { token, key } = await forger.dispatch();
    const forged = wants === 'dispatch' ? token : await forger.session('scheduler');
    await expect(send(forged, key)).rejects.toMatchObject(refusal);
  });

  test('refuses no token, an unsigned one and text', async () => {
    const key = await ProofKey.generate();
    for (const token of [undefined, unsigned(), 'not.a.token', 'x'.repeat(10_000)])
      await expect(send(token, key)).rejects.toMatchObject(refusal);
  });

  test('refuses a true token with one character changed', async () => {
    await expect(send(flipped(session), await ProofKey.generate())).rejects.toMatchObject(refusal);
  });

  if (wants !== 'session') {
    test('refuses a true token of another class', async () => {
      await expect(send(session, await ProofKey.generate())).rejects.toMatchObject({ ...refusal, reason: 'token.typ' });
    });
  }
});

describe('a true session for one service', () => {
  test.each([
    [
      'workspace',
      () => call('api', (bus) => busClient(bus, 'workspace', WorkspaceService).listWorkspaces({}, { token: session })),
    ],
    ['audit', () => call('api', (bus) => busClient(bus, 'audit', AuditService).query({}, { token: session }))],
    [
      'identity',
      () => call('api', (bus) => busClient(bus, 'identity', IdentityService).listApiKeys({}, { token: session })),
    ],
  ])('is refused by %s', async (_, send) => {
    await expect(send()).rejects.toMatchObject({ code: 'unauthenticated', reason: 'token.aud' });
  });
});

/** Events of refused calls at the workspace service, as the database holds them. */
async function refusalsOnRecord(): Promise<number> {
  const password = readFileSync(join(stack.data, 'secrets', 'database-postgres.password'), 'utf8').trim();
  const client = new pg.Client({
    connectionString: postgresUrl(join(stack.data, 'run', 'postgres'), 'sallyport', 'postgres', password),
  });
  await client.connect();
  const { rows } = await client.query<{ count: string }>(
    "SELECT count(*) FROM audit.event WHERE org = 'deployment' AND canonical LIKE '%workspace.denied%'",
  );
  await client.end();
  return Number(rows[0]?.count ?? 0);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let round = 0; round < 1_200; round += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('it did not come to hold within 120 s');
}

describe('the egress socket', () => {
  const connect = (headers: Readonly<Record<string, string>>): Promise<number> =>
    new Promise((resolve, reject) => {
      const asked = request({
        socketPath: join(stack.data, 'run', 'egress.sock'),
        method: 'CONNECT',
        path: 'model.sallyport.internal:80',
        headers,
      });
      asked.once('connect', (response, socket) => {
        socket.destroy();
        resolve(response.statusCode ?? 0);
      });
      asked.once('response', (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      asked.once('error', reject);
      asked.end();
    });

  test('refuses a connection without a token, with a forged one, and with a session', async () => {
    const { token, key } = await forger.dispatch();
    const proof = key.prove({ method: 'CONNECT', uri: 'egress:connect' }, token, Date.now());
    for (const headers of [{}, { 'sally-dispatch': token, dpop: proof }, { 'sally-dispatch': session, dpop: proof }]) {
      const status = await connect(headers);
      expect([401, 403, 407]).toContain(status);
    }
  });
});

describe('the API', () => {
  const paths = [
    '/v1/runs',
    '/v1/workspaces',
    '/v1/roles',
    '/v1/audit/events',
    '/v1/keys',
    '/v1/grants',
    '/v1/audit/export',
    '/git/acme/demo/info/refs?service=git-upload-pack',
  ];

  test.each(paths)('%s answers 401 with a challenge to a stranger', async (path) => {
    for (const token of ['', `sally_${randomUUID().replaceAll('-', '').padEnd(43, 'x')}`, session]) {
      const response = await fetch(new URL(path, stack.rest.url), {
        headers: token === '' ? {} : { authorization: `Bearer ${token}` },
      });
      await response.body?.cancel();
      expect({ path, status: response.status, challenge: response.headers.has('www-authenticate') }).toEqual({
        path,
        status: 401,
        challenge: true,
      });
    }
  });
});
