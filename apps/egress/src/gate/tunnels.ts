/** Open tunnels, watched for revocation and for the end of their token's time. */

import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { Verifier } from '@sallyport/trust/verifier';
import type { Tunnel } from './tunnel.ts';

/** A revocation reaches every open tunnel within a second; this leaves room for the push that brings it here. */
const watchMs = 250;

@Injectable()
export class Tunnels implements OnModuleInit, OnModuleDestroy {
  private readonly open = new Set<Tunnel>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly verifier: Verifier,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => this.watch(), watchMs);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
    for (const tunnel of this.open) tunnel.abort();
  }

  add(tunnel: Tunnel): void {
    this.open.add(tunnel);
  }

  remove(tunnel: Tunnel): void {
    this.open.delete(tunnel);
    tunnel.abort();
  }

  /** Whether something new may begin in a tunnel at this moment, and if not, why. */
  standing(tunnel: Tunnel): 'active' | 'expired' | 'revoked' {
    if (!this.holds(tunnel)) return 'revoked';
    return tunnel.isRetired || this.isExpired(tunnel) ? 'expired' : 'active';
  }

  private watch(): void {
    for (const tunnel of this.open) {
      if (!this.holds(tunnel)) tunnel.abort();
      else if (!tunnel.isRetired && this.isExpired(tunnel)) tunnel.retire();
    }
  }

  private isExpired({ claims }: Tunnel): boolean {
    return this.clock.now() >= claims.exp * 1_000;
  }

  private holds({ claims }: Tunnel): boolean {
    try {
      this.verifier.checkRevoked(claims);
      return true;
    } catch {
      // Also when it cannot be told: what cannot be checked does not go on.
      return false;
    }
  }
}
