/** Byte tunnels: a TCP connection of the sandbox leaves as `CONNECT host:port` on the tether. */

import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { systemCode } from '../system-error.ts';
import { reconnectDelay } from './tether.ts';

/** An answer other than 200, whole, so that it can be shown to whoever wanted the connection. */
export class TunnelRefused extends Error {
  override readonly name = 'TunnelRefused';
  readonly status: number;
  readonly answer: Buffer;

  constructor(status: number, answer: Buffer) {
    super(`the tunnel was refused with ${status}`);
    this.status = status;
    this.answer = answer;
  }
}

/** Tries on a wire that is away; 40 of them are about nine seconds. */
const attempts = 40;
const maxHeadBytes = 16 * 1024;
const maxAnswerBytes = 64 * 1024;
const answerMillis = 2000;

const isAway = (error: unknown): boolean => ['ENOENT', 'ECONNREFUSED'].includes(systemCode(error));

const authority = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** Opens a tunnel; the socket is half-open capable and carries nothing but the peer's bytes. */
export async function openTunnel(path: string, host: string, port: number): Promise<Socket> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await connectOnce(path, authority(host, port));
    } catch (error) {
      if (!isAway(error) || attempt >= attempts) throw error;
    }
    await wait(reconnectDelay(attempt));
  }
}

function connectOnce(path: string, target: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    let head = Buffer.alloc(0);
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    const closed = (): void => fail(new Error('the tether closed the tunnel before it answered'));
    // Read by `readable`, because a socket that was paused by hand would not flow for whoever gets it next.
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0 && head.length <= maxHeadBytes) return;
      socket.removeListener('readable', onReadable).removeListener('error', fail).removeListener('close', closed);
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head.toString('latin1', 0, 32))?.[1] ?? 0);
      if (end < 0 || status !== 200) {
        refusal(socket, head).then((answer) => reject(new TunnelRefused(status, answer)), reject);
        return;
      }
      const rest = head.subarray(end + 4);
      if (rest.length > 0) socket.unshift(rest);
      resolve(socket);
    };
    socket.once('error', fail).once('close', closed).on('readable', onReadable);
    socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  });
}

/** Reads on until the peer closes, falls silent or has said enough. */
function refusal(socket: Socket, head: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    let answer = head;
    const done = (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length > maxAnswerBytes) done();
    });
    socket.once('end', done).once('error', done).setTimeout(answerMillis, done);
  });
}
