/** Creates or replaces a subscription; with consent, gives the grant it runs on too. */

import { Injectable } from '@nestjs/common';
import type { ApplySubscriptionRequest, Subscription } from '@sallyport/contracts/schedule/v1/trigger';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { OutboxRelay } from '@sallyport/service/relay';
import { enqueue } from '@sallyport/store/outbox';
import { type Db, isUniqueViolation, Store } from '@sallyport/store/store';
import {
  conflict,
  filterInvalid,
  limitInvalid,
  roleNotFound,
  subscriptionMissing,
  subscriptionsFull,
  triggerExists,
} from '../faults.ts';
import { RoleStore } from '../roles/role.store.ts';
import { changeRow } from '../triggers/change-record.ts';
import { checkExpected, type Expected } from '../triggers/check-expected.ts';
import { checkWithRole } from '../triggers/check-template.ts';
import { checkMayConsent, GiveConsent } from '../triggers/give-consent.ts';
import { newTrigger } from '../triggers/new-trigger.ts';
import { TriggerStore } from '../triggers/trigger.store.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { FilterJudge } from './filter-judge.ts';
import { type SubscriptionSpec, specBytes, specHash, subscriptionWire } from './subscription.ts';
import { SubscriptionFiltersStore } from './subscription-filters.store.ts';
import { checkSubscription } from './validate-subscription.ts';

/** Subscriptions of one environment: every event is held against each of them. */
const maxSubscriptions = 500;

interface Applied extends Expected {
  readonly name: string;
  readonly paused: boolean;
  readonly spec: SubscriptionSpec;
}

@Injectable()
export class ApplySubscription {
  constructor(
    private readonly store: Store,
    private readonly triggers: TriggerStore,
    private readonly roles: RoleStore,
    private readonly judge: FilterJudge,
    private readonly filters: SubscriptionFiltersStore,
    private readonly consent: GiveConsent,
    private readonly relay: OutboxRelay,
    private readonly clock: Clock,
  ) {}

  async execute(request: ApplySubscriptionRequest, claims: SessionClaims, token: string): Promise<Subscription> {
    const { subscription, ifVersion, ifAbsent, consent, terms } = request;
    if (subscription === undefined) throw subscriptionMissing();
    if (ifVersion < 0n) throw limitInvalid('/if_version');
    if (consent) checkMayConsent(claims);
    const spec = checkSubscription(subscription);
    const wrong = spec.expression === '' ? undefined : await this.judge.check(claims.org, spec.expression);
    if (wrong !== undefined) throw filterInvalid('/subscription/expression', wrong);
    const applied = {
      name: subscription.name,
      paused: subscription.paused,
      spec,
      ifVersion: Number(ifVersion),
      ifAbsent,
    };
    let trigger = await this.#put(applied, claims);
    this.relay.kick();
    if (consent) ({ trigger } = await this.consent.execute(trigger, terms, claims, token));
    return subscriptionWire(trigger);
  }

  async #put(applied: Applied, claims: SessionClaims): Promise<Trigger> {
    try {
      return await this.store.tx(claims.org, (db) => this.#putIn(db, applied, claims));
    } catch (error) {
      if (isUniqueViolation(error, 'trigger_name'))
        throw applied.ifAbsent ? triggerExists('subscription', applied.name) : conflict(applied.name);
      throw error;
    }
  }

  async #putIn(db: Db, { name, paused, spec, ...expected }: Applied, claims: SessionClaims): Promise<Trigger> {
    const role = spec.template.role === '' ? undefined : await this.roles.get(db, claims.env, spec.template.role);
    if (spec.template.role !== '' && role === undefined) throw roleNotFound(spec.template.role);
    checkWithRole(spec.template, role, '/subscription/run');
    const before = await this.triggers.lockNamed(db, { environment: claims.env, kind: 'subscription', name });
    checkExpected(before, { kind: 'subscription', name }, expected);
    if (before === undefined && (await this.filters.count(db, claims.env)) >= maxSubscriptions)
      throw subscriptionsFull(maxSubscriptions);
    const { template, overlap } = spec;
    const said = { kind: 'subscription', name, template, overlap, paused } as const;
    const stored = await this.triggers.put(db, {
      ...(before ?? newTrigger(said, claims, this.clock.now())),
      spec: specBytes(spec),
      specHash: specHash(spec),
      template,
      overlap,
      paused,
    });
    await enqueue(db, [changeRow(stored, 'applied', claims, this.clock)]);
    return stored;
  }
}
