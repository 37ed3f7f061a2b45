/** Ports of this machine for servers that keep theirs over restarts. */

import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const lowest = 10_240;

/**
 * A port of 127.0.0.1 on which nobody listens, followed by as many more as asked. None of them lies in the range from which
 * Linux serves outgoing connections (ip(7), ip_local_port_range) where that leaves room: a client that dials its lost server
 * cannot take the server's own port.
 */
export async function freePort(inARow = 1): Promise<number> {
  const end = outgoingFrom();
  for (;;) {
    const first = randomInt(lowest, end - inARow);
    const free = await Promise.all(Array.from({ length: inARow }, (_, index) => canListen(first + index)));
    if (free.every(Boolean)) return first;
  }
}

/** Whether 127.0.0.1 can be listened on at a port; at 0, the word for none, it cannot. */
export const canListen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    if (port === 0) return resolve(false);
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });

/** First port of outgoing connections; the top of all ports where they leave too few below. */
function outgoingFrom(): number {
  const [from] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/).map(Number);
  return from !== undefined && from > lowest + 4_096 ? from : 65_536;
}
