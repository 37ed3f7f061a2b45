/** Carries DNS packets to the resolver: UDP on loopback, and framed TCP on a connection that the listeners hand over. */

import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Resolver } from './resolver.ts';

/** Only loopback: a query to any other address gets the kernel's port-unreachable at once instead of a silence. */
export async function serveDnsOverUdp(resolver: Resolver, port: number): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  socket.on('message', (packet, from) => {
    void resolver.answer(packet).then((answer) => {
      if (answer !== undefined) socket.send(answer, from.port, from.address, () => undefined);
    });
  });
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  socket.on('error', () => undefined);
  return socket;
}

/** RFC 1035 section 4.2.2: a length of two bytes before each message, one query at a time. */
export async function serveDnsOverTcp(resolver: Resolver, socket: Socket): Promise<void> {
  let held = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const length = held.readUInt16BE(0);
      const answer = await resolver.answer(held.subarray(2, 2 + length));
      held = held.subarray(2 + length);
      if (answer === undefined) {
        socket.destroy();
        return;
      }
      const frame = Buffer.alloc(2);
      frame.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([frame, answer]));
    }
  }
  socket.end();
}
