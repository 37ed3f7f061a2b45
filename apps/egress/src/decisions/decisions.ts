/**
 * Takes decisions down before they have an effect: in the audit log, durably; in the table people ask; and on the bus for the run's own
 * output. The same id stands in all three and in the answer.
 */

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Injectable } from '@nestjs/common';
import { Bus } from '@sallyport/bus/connection';
import { publish } from '@sallyport/bus/events';
import { egressDecision } from '@sallyport/bus/subject';
import { DecisionSchema } from '@sallyport/contracts/egress/v1/egress';
import type { DispatchClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { AuditClient, auditRow, type EventInit } from '@sallyport/service/audit';
import { Log } from '@sallyport/service/log';
import { enqueue } from '@sallyport/store/outbox';
import { Store } from '@sallyport/store/store';
import { type Decision, DecisionStore } from './decision.store.ts';
import { type DenyWord, wireReason } from './deny-reason.ts';

/** What was asked, by whom. */
export interface Asked {
  readonly claims: DispatchClaims;
  /** `host:port`, fit for a record. */
  readonly target: string;
  /** HTTP method, `TLS`, `RAW` or `CONNECT`. */
  readonly method: string;
  readonly facts?: Readonly<Record<string, string>>;
  /** Name of the well-known update or telemetry call it is; empty or absent for anything else. */
  readonly noise?: string;
}

/** A decision that is on record; `event` is the audit event that an outcome refers to. */
export interface Recorded {
  readonly id: string;
  readonly event: string;
  readonly asked: Asked;
}

function actorsOf(claims: DispatchClaims): readonly string[] {
  const actors: string[] = [];
  for (let actor: DispatchClaims['act'] | undefined = claims.act; actor !== undefined; actor = actor.act)
    actors.push(actor.sub);
  return actors;
}

const about = ({ claims, target }: Asked) => ({
  org: claims.org,
  environment: claims.env,
  subject: claims.sub,
  actors: actorsOf(claims),
  run: claims.txn,
  dispatch: claims.tctx.dsp.id,
  resource: `host/${target}`,
});

@Injectable()
export class Decisions {
  constructor(
    private readonly audit: AuditClient,
    private readonly rows: DecisionStore,
    private readonly store: Store,
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Records that a request may leave. @throws Fault when the audit log could not record it: nothing may leave then. */
  allow(asked: Asked): Promise<Recorded> {
    return this.record(asked, { kind: 'egress.allow', outcome: 'allow' }, '');
  }

  /** Records a denial. @throws Fault when the audit log could not record it. */
  deny(asked: Asked, reason: DenyWord): Promise<Recorded> {
    return this.record(asked, { kind: 'egress.deny', outcome: 'deny' }, reason);
  }

  /** Records how an allowed request ended. Never rejects. */
  async outcome(recorded: Recorded, facts: Readonly<Record<string, string>>, failed?: DenyWord): Promise<void> {
    const { claims, method } = recorded.asked;
    const event: EventInit = {
      kind: 'egress.outcome',
      ...about(recorded.asked),
      outcome: failed === undefined ? 'allow' : 'error',
      ...(failed !== undefined && { reason: failed }),
      decision: recorded.id,
      intent: recorded.event,
      facts: { method, ...facts },
    };
    try {
      await this.store.tx(claims.org, (db) => enqueue(db, [auditRow(event, this.clock)]));
    } catch (error) {
      this.log.error({ error, decision: recorded.id }, 'the outcome of a request could not be recorded');
    }
  }

  private async record(
    asked: Asked,
    verdict: Pick<EventInit, 'kind' | 'outcome'>,
    reason: DenyWord | '',
  ): Promise<Recorded> {
    const at = this.clock.now();
    const recorded: Recorded = { id: newId('decision', at), event: newId('event', at), asked };
    const { claims, target, method, facts, noise = '' } = asked;
    const decision: Decision = {
      id: recorded.id,
      org: claims.org,
      environment: claims.env,
      run: claims.txn,
      dispatch: claims.tctx.dsp.id,
      allowed: verdict.outcome === 'allow',
      reason,
      target,
      method,
      noise,
      at,
    };
    const event: EventInit = {
      ...verdict,
      ...about(asked),
      id: recorded.event,
      at,
      decision: recorded.id,
      ...(reason !== '' && { reason }),
      facts: { method, ...facts, ...(noise !== '' && { noise }) },
    };
    const [audited, stored] = await Promise.allSettled([this.audit.append([event]), this.rows.add(decision)]);
    if (audited.status === 'rejected') throw audited.reason;
    // The audit log has it; only the question about the id cannot be answered.
    if (stored.status === 'rejected')
      this.log.error({ error: stored.reason, decision: recorded.id }, 'a decision was not stored');
    this.publish(decision);
    return recorded;
  }

  /** Best effort, for the run's output. */
  private publish(decision: Decision): void {
    const message = decisionWire(decision);
    try {
      publish(this.bus, egressDecision(decision.org, decision.dispatch), DecisionSchema, message);
    } catch (error) {
      this.log.warn({ error, decision: decision.id }, 'a decision was not published');
    }
  }
}

/** The contract's form of a decision. */
export const decisionWire = ({ at, reason, ...rest }: Decision) =>
  create(DecisionSchema, {
    id: rest.id,
    org: rest.org,
    environment: rest.environment,
    run: rest.run,
    dispatch: rest.dispatch,
    allowed: rest.allowed,
    target: rest.target,
    method: rest.method,
    reason: wireReason(reason),
    noise: rest.noise,
    at: timestampFromMs(at),
  });
