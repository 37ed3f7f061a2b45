/**
 * Puts on record what the transport refused before any handler ran: a caller without a row, a token nobody signed, a proof used twice.
 *
 * Nobody vouches for such a call, so the event goes to the installation's own log. A flood of forgeries must not become a flood of
 * events: beyond a burst they are counted, and the next event that is recorded tells how many were not.
 */

import type { CallRecord } from '@sallyport/bus/server';
import type { Caller } from '@sallyport/core/access';
import { deploymentLog, refusalKinds } from '@sallyport/core/audit-kinds';
import type { Clock } from '@sallyport/core/clock';
import type { AuditClient } from './audit.ts';
import type { Log } from './log.ts';

const burst = 50;
const perSecond = 10;

/** Reasons that only the transport and the verifier give. */
const atTheGate = /^(?:token\.(?!scope$)|proof\.|bus\.caller$)/;

export class GateRefusals {
  readonly #kind: (typeof refusalKinds)[keyof typeof refusalKinds] | undefined;
  readonly #audit: AuditClient;
  readonly #clock: Clock;
  readonly #log: Log;
  #room = burst;
  #filledAt: number;
  #unrecorded = 0;

  constructor(service: Caller, audit: AuditClient, clock: Clock, log: Log) {
    this.#kind = service in refusalKinds ? refusalKinds[service as keyof typeof refusalKinds] : undefined;
    this.#audit = audit;
    this.#clock = clock;
    this.#log = log;
    this.#filledAt = clock.monotonic();
  }

  /** Looks at a call that ended; never throws and never waits. */
  see({ fault, method, caller }: CallRecord): void {
    if (fault === undefined || this.#kind === undefined || !atTheGate.test(fault.reason)) return;
    if (!this.#take()) {
      this.#unrecorded += 1;
      return;
    }
    const unrecorded = this.#unrecorded === 0 ? {} : { unrecorded: String(this.#unrecorded) };
    this.#unrecorded = 0;
    const facts = { method: method.slice(0, 80), caller: caller.slice(0, 40), ...unrecorded };
    this.#audit
      .append([{ kind: this.#kind, org: deploymentLog, outcome: 'deny', reason: fault.reason, facts }])
      .catch((error: unknown) => this.#log.error({ error }, 'a refusal could not be recorded'));
  }

  #take(): boolean {
    const now = this.#clock.monotonic();
    this.#room = Math.min(burst, this.#room + ((now - this.#filledAt) / 1000) * perSecond);
    this.#filledAt = now;
    if (this.#room < 1) return false;
    this.#room -= 1;
    return true;
  }
}
