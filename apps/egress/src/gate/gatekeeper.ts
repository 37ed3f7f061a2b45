/** Decides by the first byte what a tunnel speaks: HTTP is inspected, TLS gets an alert, anything else is closed. */

import type { Socket } from 'node:net';
import { Inject, Injectable } from '@nestjs/common';
import { Log } from '@sallyport/service/log';
import { CONFIG } from '@sallyport/service/start';
import type { EgressConfig } from '../config.ts';
import { formatTarget, parseHost } from '../hosts/host.ts';
import { HttpGate } from '../http/http-gate.ts';
import { knownNoise } from '../noise/known-noise.ts';
import { Denials } from './denials.ts';
import { firstBytes } from './first-bytes.ts';
import { accessDeniedAlert, handshakeRecord, isWhole, maxHello, serverName } from './tls-hello.ts';
import type { Tunnel } from './tunnel.ts';

/** Milliseconds a begun hello may take to arrive. */
const helloMs = 2_000;

/** A method begins with a letter; so does nothing that TLS sends first. */
const isLetter = (byte: number | undefined): boolean =>
  byte !== undefined && ((byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a));

/** Longest method there is, with its space; what has no space by then is no request. */
const isRequestLine = (bytes: Buffer): boolean => /^[A-Za-z-]{1,20} /.test(bytes.toString('latin1', 0, 21));

@Injectable()
export class Gatekeeper {
  constructor(
    private readonly denials: Denials,
    private readonly http: HttpGate,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: EgressConfig,
  ) {}

  /** Takes a tunnel to its end. Never rejects. */
  async take(tunnel: Tunnel, socket: Socket): Promise<void> {
    try {
      const wait = this.config.SALLY_EGRESS_FIRST_BYTE_MS;
      const bytes = await firstBytes(
        socket,
        (seen) => !isLetter(seen[0]) || isRequestLine(seen) || seen.length > 20,
        wait,
      );
      if (socket.destroyed) return;
      if (isRequestLine(bytes)) this.http.take(tunnel, socket);
      else if (bytes[0] === handshakeRecord) await this.refuseTls(tunnel, socket);
      else await this.refuseRaw(tunnel, socket);
    } catch (error) {
      this.log.error({ error }, 'a tunnel ended on a failure it did not expect');
      socket.destroy();
    }
  }

  private async refuseTls(tunnel: Tunnel, socket: Socket): Promise<void> {
    const hello = await firstBytes(socket, (seen) => isWhole(seen) || seen.length > maxHello, helloMs);
    const name = serverName(hello);
    // What stands there is the client's own text.
    const sni = name === undefined ? 'none' : parseHost(name)?.kind === 'name' ? name.toLowerCase() : 'malformed';
    await this.denials.problem(
      {
        claims: tunnel.claims,
        target: formatTarget(tunnel.target),
        method: 'TLS',
        facts: { sni },
        noise: knownNoise(tunnel.target),
      },
      'tls_not_allowed',
    );
    finish(socket, accessDeniedAlert);
  }

  private async refuseRaw(tunnel: Tunnel, socket: Socket): Promise<void> {
    await this.denials.problem(
      { claims: tunnel.claims, target: formatTarget(tunnel.target), method: 'RAW' },
      'protocol_unknown',
    );
    finish(socket, new Uint8Array());
  }
}

/** Says the last word and closes, without a reset that could overtake it. */
function finish(socket: Socket, last: Uint8Array): void {
  socket.resume();
  socket.end(last);
  socket.setTimeout(1_000, () => socket.destroy());
}
