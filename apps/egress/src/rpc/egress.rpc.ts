/** What egress answers over the bus. */

import { BusController } from '@sallyport/bus/controller';
import type { Handlers } from '@sallyport/bus/handlers';
import { EgressService, type GetDecisionRequest, type ResolveRequest } from '@sallyport/contracts/egress/v1/egress';
import { sessionOf } from '@sallyport/core/call';
import type { Call } from '@sallyport/core/gate';
import { egressAccess } from '../access.ts';
import { DecisionStore } from '../decisions/decision.store.ts';
import { decisionWire } from '../decisions/decisions.ts';
import { decisionNotFound, questionInvalid } from '../faults.ts';
import { syntheticAddress } from '../hosts/synthetic.ts';

/** Seconds a sandbox may keep an answer; it never changes. */
const ttlSeconds = 60;

@BusController(EgressService, egressAccess)
export class EgressRpc implements Handlers<typeof EgressService> {
  constructor(private readonly decisions: DecisionStore) {}

  /** Answers out of the name itself, so that no query for it leaves the machine. */
  async resolve({ name, type }: ResolveRequest) {
    if (type !== 'A' && type !== 'AAAA') throw questionInvalid();
    const address = type === 'A' ? syntheticAddress(name) : undefined;
    return Promise.resolve({ addresses: address === undefined ? [] : [address], ttlSeconds });
  }

  async getDecision({ id }: GetDecisionRequest, call: Call) {
    const { org, env } = sessionOf(call);
    const decision = await this.decisions.find(org, env, id);
    if (decision === undefined) throw decisionNotFound(id);
    return { decision: decisionWire(decision) };
  }
}
