/** Answers a contract on the test bus as another service would: same subjects, same fault encoding, no checks. */

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

type Handler = (request: unknown, call: Call) => Promise<MessageInitShape<DescMessage>>;

/** A method that is left out answers `unavailable`. */
export async function fakePeer<S extends DescService>(
  bus: Bus,
  service: S,
  handlers: Partial<Handlers<S>>,
): Promise<void> {
  const byName = handlers as Readonly<Record<string, Handler | undefined>>;
  bus.nats.subscribe(rpcListen(bus.caller), {
    callback: (error, message) => {
      if (error !== null) return;
      const target = parseRpcSubject(message.subject);
      const method = service.methods.find((each) => each.name === target?.method);
      const answer = async (): Promise<Uint8Array> => {
        const handler = method && byName[method.localName];
        if (method === undefined || handler === undefined || target === undefined) {
          throw new Fault('unavailable', 'fake.absent', `${message.subject} is not answered here`);
        }
        const call = { caller: target.caller, token: message.headers?.get(header.token) } as unknown as Call;
        return toBinary(
          method.output,
          create(method.output, await handler(fromBinary(method.input, message.data), call)),
        );
      };
      answer().then(
        (body) => message.respond(body),
        (thrown: unknown) => {
          const reply = encodeFault(Fault.from(thrown));
          message.respond(reply.body, { headers: reply.headers });
        },
      );
    },
  });
  await bus.nats.flush();
}
