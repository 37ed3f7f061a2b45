/** Answers a service's contract on the real bus, in place of a service of another app. */

import {
  create,
  type DescMessage,
  type DescService,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { Bus } from '@sallyport/bus/connection';
import type { Handlers } from '@sallyport/bus/handlers';
import { parseRpcSubject, rpcListen } from '@sallyport/bus/subject';
import { encodeFault, header } from '@sallyport/bus/wire';
import { Fault } from '@sallyport/core/fault';
import type { Call } from '@sallyport/core/gate';

type Handler = (request: unknown, call: Pick<Call, 'token'>) => Promise<unknown>;

/** What a fake learns of a call: the token it came with. */
export type FakeHandlers<S extends DescService> = {
  readonly [M in keyof Handlers<S>]?: (
    request: Parameters<Handlers<S>[M]>[0],
    call: { readonly token: string | undefined },
  ) => ReturnType<Handlers<S>[M]>;
};

/** Serves the methods that are given; every other one is `bus.method`. Every call is written down. */
export class FakeService<S extends DescService> {
  readonly calls: { readonly method: string; readonly token: string | undefined }[] = [];
  private readonly stopServing: () => void;

  private constructor(bus: Bus, service: S, handlers: FakeHandlers<S>) {
    const byName = new Map(service.methods.map((method) => [method.name, method]));
    const subscription = bus.nats.subscribe(rpcListen(bus.caller), {
      callback: (error, message) => {
        if (error !== null) return;
        const name = parseRpcSubject(message.subject)?.method ?? '';
        const token = message.headers?.get(header.token) || undefined;
        this.calls.push({ method: name, token });
        const method = byName.get(name);
        const handler =
          method === undefined
            ? undefined
            : (handlers[method.localName as keyof typeof handlers] as Handler | undefined);
        const answered = async (): Promise<Uint8Array> => {
          if (method === undefined || handler === undefined)
            throw new Fault('not_found', 'bus.method', 'no such method');
          const response = await handler(fromBinary(method.input, message.data), { token });
          return toBinary(method.output, create(method.output, response as MessageInitShape<DescMessage>));
        };
        void answered().then(
          (body) => message.respond(body),
          (thrown: unknown) => {
            const reply = encodeFault(Fault.from(thrown));
            message.respond(reply.body, { headers: reply.headers });
          },
        );
      },
    });
    this.stopServing = () => subscription.unsubscribe();
  }

  static async serve<S extends DescService>(bus: Bus, service: S, handlers: FakeHandlers<S>): Promise<FakeService<S>> {
    const served = new FakeService(bus, service, handlers);
    await bus.nats.flush();
    return served;
  }

  /** From here on nobody answers. */
  stop(): void {
    this.stopServing();
  }

  count(method: string): number {
    return this.calls.filter((call) => call.method === method).length;
  }
}

export const refused = (): Fault => new Fault('unauthenticated', 'trust.token_invalid', 'the token is not accepted');

/** Throws unless a call carries a session this suite's identity has opened for the service. */
export function demand(call: { readonly token: string | undefined }, audience: string): { readonly org: string } {
  const [kind, org, forAudience] = (call.token ?? '').split('/');
  if (kind !== 'session' || forAudience !== audience || org === undefined) throw refused();
  return { org };
}
