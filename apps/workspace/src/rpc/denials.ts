/** One audit event for every refusal of this service, whoever asked. */

import { Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { Fault, type FaultCode } from '@sallyport/core/fault';
import type { Call } from '@sallyport/core/gate';
import { auditRow, type EventInit } from '@sallyport/service/audit';
import { Log } from '@sallyport/service/log';
import { enqueue } from '@sallyport/store/outbox';
import { Store } from '@sallyport/store/store';
import { actorsOf } from '../mounts/mount-claim.ts';

/** Not refusals: the caller tries the same again. */
const transient: ReadonlySet<FaultCode> = new Set(['aborted', 'deadline_exceeded', 'unavailable']);

@Injectable()
export class Denials {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Does the work of a call; what it throws is recorded before it goes on to the caller. */
  async guard<T>(call: Call, method: string, workspace: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const fault = Fault.from(error);
      if (!transient.has(fault.code)) await this.#record(call, method, workspace, fault);
      throw error;
    }
  }

  async #record(call: Call, method: string, workspace: string, fault: Fault): Promise<void> {
    const claims = call.claims;
    if (claims === undefined) return;
    const event: EventInit = {
      kind: 'workspace.denied',
      org: claims.org,
      environment: claims.env,
      subject: claims.sub,
      actors: claims.class === 'dispatch' ? actorsOf(claims) : [claims.sub],
      ...(claims.class === 'dispatch' ? { run: claims.txn, dispatch: claims.tctx.dsp.id } : {}),
      // A name that is no slug is the caller's free text, which the log does not take.
      resource: /^[a-z0-9-]{1,63}$/.test(workspace) ? `workspace/${workspace}` : 'workspace',
      outcome: fault.code === 'internal' ? 'error' : 'deny',
      reason: fault.reason,
      facts: { method },
    };
    await this.store
      .tx(claims.org, (db) => enqueue(db, [auditRow(event, this.clock)]))
      .catch((lost: unknown) =>
        this.log.error({ error: lost, reason: fault.reason }, 'a refusal could not be recorded'),
      );
  }
}
