/** Looks at what a client says first, without taking it from whoever reads the socket next. */

import type { Socket } from 'node:net';

/** Waits until `enough`, the client's end, or the time is over; answers what arrived by then, which is still in the socket. */
export function firstBytes(socket: Socket, enough: (bytes: Buffer) => boolean, millis: number): Promise<Buffer> {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    const done = (): void => {
      clearTimeout(timer);
      socket.removeListener('readable', look).removeListener('end', done).removeListener('close', done);
      if (bytes.length > 0 && !socket.destroyed) socket.unshift(bytes);
      resolve(bytes);
    };
    const look = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      bytes = Buffer.concat([bytes, chunk]);
      if (enough(bytes)) done();
    };
    const timer = setTimeout(done, millis);
    socket.on('readable', look).once('end', done).once('close', done);
  });
}
