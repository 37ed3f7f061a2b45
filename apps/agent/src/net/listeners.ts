/**
 * Every address is local in the sandbox, so a connection to any host arrives here with its destination as the local address. It
 * leaves over the tether as a tunnel to that destination, under the name that the resolver handed the address out for.
 */

import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { systemCode } from '../system-error.ts';
import { TunnelRefused } from '../tether/tunnel.ts';
import { serveDnsOverTcp } from './dns-server.ts';
import type { Names } from './names.ts';
import { dnsPort } from './ports.ts';
import type { Resolver } from './resolver.ts';

export type Open = (host: string, port: number) => Promise<Socket>;

/** Ports that could not be had, with the system's word for why. */
export type Unavailable = readonly { readonly port: number; readonly code: string }[];

const firstBytesMillis = 2000;

/** The destination in the form it was dialled: IPv4 as such, also on a dual-stack listener. */
export const dialled = (localAddress: string | undefined): string =>
  (localAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '');

/** Copies both ways; either side may close its half first. */
function splice(inner: Socket, outer: Socket): void {
  inner.on('error', () => outer.destroy());
  outer.on('error', () => inner.destroy());
  inner.on('close', () => outer.destroySoon());
  outer.on('close', () => inner.destroySoon());
  inner.pipe(outer);
  outer.pipe(inner);
}

/** A refused tunnel is shown to a client that speaks HTTP; for any other the connection is reset. */
async function showRefusal(inner: Socket, refused: unknown): Promise<void> {
  if (refused instanceof TunnelRefused && refused.answer.length > 0) {
    const signal = AbortSignal.timeout(firstBytesMillis);
    inner.resume();
    const [first] = (await once(inner, 'data', { signal }).catch(() => [])) as [Buffer?];
    if (first !== undefined && /^[A-Z]{3,10} /.test(first.toString('latin1', 0, 11))) {
      inner.end(refused.answer);
      return;
    }
  }
  inner.resetAndDestroy();
}

export class Listeners {
  private readonly open: Open;
  private readonly names: Names;
  private readonly resolver: Resolver;
  private readonly servers: Server[] = [];

  constructor(open: Open, names: Names, resolver: Resolver) {
    this.open = open;
    this.names = names;
    this.resolver = resolver;
  }

  /** Listens on every port it can have; a port that it cannot is reported, not fatal. */
  async listen(ports: readonly number[], host = '::'): Promise<Unavailable> {
    const outcomes = await Promise.all(ports.map((port) => this.listenOn(port, host)));
    return outcomes.flatMap((outcome) => outcome ?? []);
  }

  close(): void {
    for (const server of this.servers) server.close();
  }

  private async listenOn(port: number, host: string): Promise<{ port: number; code: string } | undefined> {
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
      void this.take(socket, port);
    });
    server.listen({ port, host });
    try {
      await once(server, 'listening');
    } catch (error) {
      return { port, code: systemCode(error) };
    }
    server.on('error', () => undefined);
    this.servers.push(server);
    return undefined;
  }

  private async take(inner: Socket, port: number): Promise<void> {
    inner.on('error', () => undefined);
    const address = dialled(inner.localAddress);
    if (port === dnsPort && (address.startsWith('127.') || address === '::1')) {
      await serveDnsOverTcp(this.resolver, inner).catch(() => inner.destroy());
      return;
    }
    try {
      splice(inner, await this.open(this.names.nameOf(address) ?? address, port));
    } catch (error) {
      await showRefusal(inner, error);
    }
  }
}
