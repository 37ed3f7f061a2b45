/** One connection of a sandbox, in the name of a verified dispatch, and its end when the dispatch's rights end. */

import type { Socket } from 'node:net';
import type { DispatchClaims } from '@sallyport/core/claims';
import type { Target } from '../hosts/host.ts';

export class Tunnel {
  readonly claims: DispatchClaims;
  readonly target: Target;
  private readonly socket: Socket;
  private readonly exchanges = new Set<AbortController>();
  private retired = false;
  private aborted = false;

  constructor(socket: Socket, claims: DispatchClaims, target: Target) {
    this.socket = socket;
    this.claims = claims;
    this.target = target;
  }

  /** Whether nothing new may begin here. */
  get isRetired(): boolean {
    return this.retired;
  }

  /** An exchange under way; its signal fires when the run's rights are gone. */
  begin(): AbortController {
    const exchange = new AbortController();
    if (this.aborted) exchange.abort();
    this.exchanges.add(exchange);
    return exchange;
  }

  end(exchange: AbortController): void {
    this.exchanges.delete(exchange);
    if (this.retired && this.exchanges.size === 0) this.socket.destroySoon();
  }

  /** The token's time is over: what is under way may end, nothing new begins. The client reconnects under a fresh token. */
  retire(): void {
    this.retired = true;
    if (this.exchanges.size === 0) this.socket.destroySoon();
  }

  /** The rights were revoked: everything ends here and upstream. */
  abort(): void {
    this.retired = true;
    this.aborted = true;
    for (const exchange of this.exchanges) exchange.abort();
    this.socket.destroy();
  }
}
