/**
 * Takes in a request whose signature is its only credential. A webhook that is not there and a signature that is not right get the same
 * answer for the same work.
 */

import { Injectable } from '@nestjs/common';
import type { ReceiveWebhookRequest } from '@sallyport/contracts/schedule/v1/trigger';
import { Clock } from '@sallyport/core/clock';
import { isSlug } from '@sallyport/core/ids';
import { Store } from '@sallyport/store/store';
import { readEvent } from '../events/event.ts';
import { type Received, ReceiveEvent } from '../events/receive-event.ts';
import { webhookStale, webhooksBusy, webhookUnverified } from '../faults.ts';
import { verifySignature } from './verify-signature.ts';
import { WebhookStore } from './webhook.store.ts';
import { type Webhook, webhookEvent } from './webhook.ts';
import { WebhookRefusals } from './webhook-refusals.ts';
import { WebhookSecrets } from './webhook-secrets.ts';

/** Requests that nobody has vouched for and that are looked at together: they must leave connections for the rest of the scheduler. */
const maxAtOnce = 4;
const maxWaiting = 128;

@Injectable()
export class ReceiveWebhook {
  readonly #waiting: (() => void)[] = [];
  #active = 0;

  constructor(
    private readonly store: Store,
    private readonly webhooks: WebhookStore,
    private readonly secrets: WebhookSecrets,
    private readonly receive: ReceiveEvent,
    private readonly refusals: WebhookRefusals,
    private readonly clock: Clock,
  ) {}

  async execute(request: ReceiveWebhookRequest): Promise<Received> {
    await this.#enter();
    let webhook: Webhook;
    try {
      webhook = await this.#verified(request);
    } finally {
      this.#leave();
    }
    const { org, environment, id: producer } = webhook;
    return this.receive.execute({ org, environment, producer }, () =>
      readEvent(() => webhookEvent(webhook, request, request.contentType)),
    );
  }

  async #verified(request: ReceiveWebhookRequest): Promise<Webhook> {
    const webhook = await this.#find(request);
    const now = this.clock.now();
    const verdict = verifySignature(
      request,
      webhook === undefined ? [this.secrets.openNobodys()] : this.#open(webhook, now),
      now,
    );
    if (webhook !== undefined && verdict === 'good') return webhook;
    // Who signed it well knows that the webhook is there.
    const fault = webhook !== undefined && verdict === 'stale' ? webhookStale() : webhookUnverified();
    this.refusals.tell(webhook, fault.reason);
    throw fault;
  }

  async #find({ org, environment, name }: ReceiveWebhookRequest): Promise<Webhook | undefined> {
    if (!isSlug(org) || !isSlug(environment) || !isSlug(name)) return undefined;
    return this.store.tx(org, (db) => this.webhooks.find(db, environment, name));
  }

  #open(webhook: Webhook, now: number): readonly Uint8Array[] {
    const { secret, previous, previousUntil } = webhook;
    const sealed = previous !== undefined && (previousUntil ?? 0) > now ? [secret, previous] : [secret];
    return sealed.map((each) => this.secrets.open(each, webhook));
  }

  #enter(): Promise<void> {
    if (this.#active < maxAtOnce) {
      this.#active += 1;
      return Promise.resolve();
    }
    if (this.#waiting.length >= maxWaiting) return Promise.reject(webhooksBusy());
    return new Promise((enter) => this.#waiting.push(enter));
  }

  /** Whoever waits longest takes the place that is left. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#active -= 1;
    else next();
  }
}
