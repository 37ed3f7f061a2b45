/** The real API over the real bus, with every other service faked. */

import { DenyReason, EgressService } from '@sallyport/contracts/egress/v1/egress';
import { RuntimeService } from '@sallyport/contracts/runtime/v1/runtime';
import { Fault } from '@sallyport/core/fault';
import { TestIssuer } from '@sallyport/testkit/issuer';
import { type TestBus, testBus } from '@sallyport/testkit/nats';
import { type HostedService, hostService } from '@sallyport/testkit/service';
import { ApiModule } from '../../src/api.module.ts';
import { apiEnv } from '../../src/config.ts';
import { HttpServer } from '../../src/http/server.ts';
import { Streams } from '../../src/http/streams.ts';
import { FakeAudit } from './fake-audit.ts';
import { adaKey, FakeIdentity } from './fake-identity.ts';
import { FakeScheduler } from './fake-scheduler.ts';
import { demand, FakeService } from './fake-service.ts';
import { FakeWorkspace } from './fake-workspace.ts';

export class FakeStack {
  readonly identity = new FakeIdentity();
  readonly scheduler = new FakeScheduler();
  readonly workspace = new FakeWorkspace();
  readonly audit = new FakeAudit();
  egress!: FakeService<typeof EgressService>;
  private bus!: TestBus;
  private api!: HostedService;

  static async start(env: Readonly<Record<string, string>> = {}): Promise<FakeStack> {
    const stack = new FakeStack();
    const bus = await testBus();
    stack.bus = bus;
    await stack.identity.serve(await bus.connect('identity'));
    await stack.scheduler.serve(await bus.connect('scheduler'), await bus.connect('runtime'));
    await stack.workspace.serve(await bus.connect('workspace'));
    await stack.audit.serve(await bus.connect('audit'));
    await FakeService.serve(await bus.connect('runtime'), RuntimeService, {});
    stack.egress = await FakeService.serve(await bus.connect('egress'), EgressService, {
      getDecision: async ({ id }, call) => {
        demand(call, 'egress');
        if (id !== 'dec_1') throw new Fault('not_found', 'egress.decision_not_found', 'no such decision', { id });
        return {
          decision: {
            id,
            org: 'acme',
            allowed: false,
            reason: DenyReason.HOST_NOT_ALLOWED,
            target: 'example.com:443',
            method: 'CONNECT',
          },
        };
      },
    });
    const verifier = await (await TestIssuer.create()).verifier('api');
    const config = apiEnv.parse({ SALLY_API_PORT: '0', SALLY_API_STALL_MS: '600000', ...env });
    stack.api = await hostService({ name: 'api', module: ApiModule, bus: await bus.connect('api'), verifier, config });
    return stack;
  }

  get port(): number {
    return this.provider(HttpServer).port;
  }

  /** A provider of the API's own module. */
  provider<T>(type: new (...args: never[]) => T): T {
    return this.api.app.get<T>(type, { strict: false });
  }

  /** Event streams that are open. */
  get streams(): number {
    return this.provider(Streams).size;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** A request as Ada unless told otherwise. */
  fetch(path: string, init: RequestInit & { readonly key?: string | null } = {}): Promise<Response> {
    const { key = adaKey, headers, ...rest } = init;
    const own = key === null ? {} : { authorization: `Bearer ${key}` };
    return fetch(`${this.url}${path}`, { ...rest, headers: { ...own, ...(headers as Record<string, string>) } });
  }

  json(path: string, method: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return this.fetch(path, {
      method,
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });
  }

  async stop(): Promise<void> {
    await this.api.close();
    await this.bus.close();
    this.workspace.close();
  }
}
