/**
 * Keeps the dispatch token of a live workload fresh, with fresh evidence each time; ends the workload when identity refuses.
 *
 * A token that runs out while identity does not answer ends the workload too: it could reach nothing any more.
 */

import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { busClient } from '@sallyport/bus/client';
import { Bus } from '@sallyport/bus/connection';
import type { BusClient } from '@sallyport/bus/handlers';
import { IdentityService } from '@sallyport/contracts/identity/v1/identity';
import { Clock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { Log } from '@sallyport/service/log';
import { Verifier } from '@sallyport/trust/verifier';
import type { Backend } from '../backends/backend.ts';
import { BACKEND } from '../parts.ts';
import { type EndInit, EndWorkload, revoked } from '../workloads/end-workload.ts';
import type { LiveWorkload } from '../workloads/live-workload.ts';
import { Transitions } from '../workloads/transitions.ts';
import type { HeldToken } from '../workloads/workload.ts';

const retryMs = 2_000;

const lapsed: EndInit = {
  reason: 'failed',
  why: 'token_lapsed: the dispatch token ran out before it could be renewed',
  capture: false,
  grace: false,
};

const refused = (reason: string): EndInit => ({
  reason: 'failed',
  why: `attestation_refused: identity does not renew the token (${reason})`,
  capture: false,
  grace: false,
});

/** When a token is renewed: at half of its life. */
export const renewAt = ({ issuedAt, expiresAt }: HeldToken): number => issuedAt + (expiresAt - issuedAt) / 2;

@Injectable()
export class RenewDispatch {
  readonly #identity: BusClient<typeof IdentityService>;
  readonly #notBefore = new Map<string, number>();

  constructor(
    bus: Bus,
    private readonly end: EndWorkload,
    private readonly transitions: Transitions,
    private readonly verifier: Verifier,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(BACKEND) private readonly backend: Backend,
  ) {
    this.#identity = busClient(bus, 'identity', IdentityService);
  }

  /** Ends the workload when its token was revoked; called several times a second, so it asks only what is at hand. */
  async checkRevoked(live: LiveWorkload): Promise<void> {
    const { held } = live.access;
    if (held === undefined) return;
    try {
      await this.verifier.verify(held.raw, 'dispatch');
    } catch (thrown) {
      if (Fault.from(thrown).reason === 'token.revoked') await this.end.execute(live.record.id, revoked);
    }
  }

  /** Renews when it is time; overlapping calls for one workload do it once. */
  async renewIfDue(live: LiveWorkload): Promise<void> {
    const { id } = live.record;
    const { held } = live.access;
    const now = this.clock.now();
    if (held === undefined || now < renewAt(held) || now < (this.#notBefore.get(id) ?? 0)) return;
    this.#notBefore.set(id, now + retryMs);
    if (now >= held.expiresAt) return this.end.execute(id, lapsed);
    try {
      await this.#renew(live);
      this.#notBefore.delete(id);
    } catch (thrown) {
      await this.#failed(live, Fault.from(thrown));
    }
  }

  async #renew({ record, access }: LiveWorkload): Promise<void> {
    if (record.handle === undefined) return;
    const evidence = await this.backend.evidence(record.handle);
    const { token, expiresAt } = await this.#identity.renewDispatch({ evidence }, access.call());
    const now = this.clock.now();
    record.token = { raw: token, issuedAt: now, expiresAt: expiresAt === undefined ? now : timestampMs(expiresAt) };
    access.grant(record.token);
    await this.transitions.save(record);
  }

  async #failed({ record: { id } }: LiveWorkload, fault: Fault): Promise<void> {
    this.log.warn({ workload: id, reason: fault.reason }, 'a dispatch token was not renewed');
    const final = fault.code === 'permission_denied' || fault.code === 'unauthenticated';
    if (final) await this.end.execute(id, refused(fault.reason));
  }
}
