import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { headers, PermissionViolationError } from '@nats-io/transport-node';
import { Module } from '@nestjs/common';
import type { GetDecisionRequest, ResolveRequest } from '@sallyport/contracts/egress/v1/egress';
import { EgressService } from '@sallyport/contracts/egress/v1/egress';
import { type Epoch, EpochSchema } from '@sallyport/contracts/identity/v1/identity';
import type { AccessTable } from '@sallyport/core/access';
import { Fault } from '@sallyport/core/fault';
import type { Call } from '@sallyport/core/gate';
import { TestIssuer } from '@sallyport/testkit/issuer';
import { type TestBus, testBus } from '@sallyport/testkit/nats';
import { patientClient } from '@sallyport/testkit/patient-client';
import { type HostedService, hostService } from '@sallyport/testkit/service';
import { busClient } from '../src/client.ts';
import { BusController } from '../src/controller.ts';
import { subscribe } from '../src/events.ts';
import type { Handlers } from '../src/handlers.ts';
import { epochChanged } from '../src/subject.ts';

const access: AccessTable<typeof EgressService> = {
  resolve: { callers: ['runtime'], token: 'dispatch' },
  getDecision: { callers: ['api', 'operator'], token: 'none' },
};

@BusController(EgressService, access)
class EchoRpc implements Handlers<typeof EgressService> {
  async resolve({ name }: ResolveRequest, call: Call) {
    return { addresses: [name, call.claims?.org ?? ''], ttlSeconds: 1 };
  }

  async getDecision({ id }: GetDecisionRequest, call: Call) {
    if (id === 'missing') throw new Fault('not_found', 'egress.decision', 'no such decision', { id });
    if (id === 'bug') throw new TypeError('a bug');
    if (id === 'slow') await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
    return { decision: { id: `${call.caller}/${id}` } };
  }
}

@Module({ controllers: [EchoRpc] })
class EchoModule {}

let bus: TestBus;
let hosted: HostedService;
let issuer: TestIssuer;

beforeAll(async () => {
  bus = await testBus();
  issuer = await TestIssuer.create();
  hosted = await hostService({
    name: 'egress',
    module: EchoModule,
    bus: await bus.connect('egress'),
    verifier: await issuer.verifier('egress'),
  });
});

afterAll(async () => {
  await hosted.close();
  await bus.close();
});

const client = async (caller: 'api' | 'runtime' | 'audit') =>
  patientClient(await bus.connect(caller), 'egress', EgressService);

describe('a call', () => {
  test('reaches its handler with the caller that the bus proves', async () => {
    const { decision } = await (await client('api')).getDecision({ id: 'd1' });
    expect(decision?.id).toBe('api/d1');
  });

  test('brings a Fault home as it was thrown', async () => {
    const refused = (await client('api')).getDecision({ id: 'missing' });
    await expect(refused).rejects.toMatchObject({
      code: 'not_found',
      reason: 'egress.decision',
      detail: { id: 'missing' },
    });
  });

  test('turns a bug into internal and says nothing of it', async () => {
    const refused = (await client('api')).getDecision({ id: 'bug' });
    await expect(refused).rejects.toMatchObject({
      code: 'internal',
      reason: 'core.internal',
      message: expect.not.stringContaining('a bug'),
    });
  });

  test('is refused to a caller without a row', async () => {
    await expect((await client('audit')).getDecision({ id: 'd1' })).rejects.toMatchObject({
      code: 'permission_denied',
      reason: 'bus.caller',
    });
  });

  test('ends at its deadline on both sides', async () => {
    await expect((await client('api')).getDecision({ id: 'slow' }, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'deadline_exceeded',
    });
  });

  test('says at once when nobody listens', async () => {
    const nobody = busClient(await bus.connect('api'), 'audit', EgressService);
    await expect(nobody.getDecision({ id: 'd' })).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'bus.no_responder',
    });
  });

  test('refuses a body that is not the message', async () => {
    const api = await bus.connect('api');
    const reply = await api.nats.request('rpc.egress.v1.api.GetDecision', new Uint8Array([0xff, 0xff, 0xff]));
    expect(reply.headers?.get('Sally-Fault-Reason')).toBe('bus.malformed');
  });

  test('refuses a method that does not exist', async () => {
    const api = await bus.connect('api');
    const reply = await api.nats.request('rpc.egress.v1.api.Nothing', new Uint8Array());
    expect(reply.headers?.get('Sally-Fault-Reason')).toBe('bus.method');
  });
});

describe('a server that dies', () => {
  test('fails the calls under way at once, and those made meanwhile', async () => {
    const own = await testBus();
    const asking = await own.connect('api');
    const serving = await own.connect('egress');
    serving.nats.subscribe('rpc.egress.v1.*.*', { callback: () => undefined });
    await serving.nats.flush();
    const waiting = busClient(asking, 'egress', EgressService).getDecision({ id: 'd' }, { timeoutMs: 60_000 });
    await asking.nats.flush();
    await Promise.all([
      own.stopServer(),
      expect(waiting).rejects.toMatchObject({ code: 'unavailable', reason: 'bus.disconnected' }),
    ]);
    await expect(busClient(asking, 'egress', EgressService).getDecision({ id: 'd' })).rejects.toMatchObject({
      reason: 'bus.disconnected',
    });
    await own.close();
  });
});

describe('a row that asks for a dispatch token', () => {
  test('admits the token with a proof of its key for this method', async () => {
    const { token, key } = await issuer.dispatch();
    const runtime = await client('runtime');
    const answer = await runtime.resolve(
      { name: 'x' },
      { token, prove: async (target) => key.prove(target, token, Date.now()) },
    );
    expect(answer.addresses).toEqual(['x', 'acme']);
  });

  test('refuses a missing token, a missing proof and a proof for another method', async () => {
    const { token, key } = await issuer.dispatch();
    const runtime = await client('runtime');
    await expect(runtime.resolve({ name: 'x' })).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(runtime.resolve({ name: 'x' }, { token })).rejects.toMatchObject({ code: 'unauthenticated' });
    const elsewhere = async () => key.prove({ method: 'Other', uri: 'bus:other' }, token, Date.now());
    await expect(runtime.resolve({ name: 'x' }, { token, prove: elsewhere })).rejects.toMatchObject({
      code: 'unauthenticated',
    });
  });

  test('refuses a session token in its place', async () => {
    const token = await issuer.session('egress');
    await expect((await client('runtime')).resolve({ name: 'x' }, { token })).rejects.toMatchObject({
      reason: 'token.typ',
    });
  });
});

describe('NATS permissions', () => {
  test('end a call that the server refuses to carry, without waiting for its time', async () => {
    const audit = await bus.connect('audit');
    const asked = audit.requests.ask('rpc.egress.v1.api.GetDecision', new Uint8Array(), {
      timeout: 60_000,
      headers: headers(),
    });
    await expect(asked).rejects.toThrow(PermissionViolationError);
  });

  test('keep a service from calling under another name', async () => {
    const audit = await bus.connect('audit');
    await expect(
      audit.nats.request('rpc.egress.v1.api.GetDecision', new Uint8Array(), { timeout: 500 }),
    ).rejects.toThrow();
  });

  test('keep a service from hearing the requests of another', async () => {
    const audit = await bus.connect('audit');
    const heard = audit.nats.subscribe('rpc.egress.v1.*.*');
    await expect(heard[Symbol.asyncIterator]().next()).rejects.toThrow(/permissions/i);
  });

  test('keep a service from publishing another one’s events', async () => {
    const listener = await bus.connect('egress');
    const heard: Epoch[] = [];
    const subscription = subscribe(listener, epochChanged, EpochSchema, ({ message }) => heard.push(message));
    await subscription.ready;
    const forger = await bus.connect('runtime');
    forger.nats.publish(epochChanged, toBinary(EpochSchema, create(EpochSchema, { id: 'forged' })));
    await forger.nats.flush();
    const identity = await bus.connect('identity');
    identity.nats.publish(epochChanged, toBinary(EpochSchema, create(EpochSchema, { id: 'true' })));
    await identity.nats.flush();
    await listener.nats.flush();
    expect(heard.map((epoch) => epoch.id)).toEqual(['true']);
  });
});
