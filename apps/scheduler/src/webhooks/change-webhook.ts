/** Creates, changes, rotates and removes webhooks. A secret is answered once, when it is made. */

import { Injectable } from '@nestjs/common';
import { type Webhook as WebhookMessage } from '@sallyport/contracts/schedule/v1/trigger';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { auditRow } from '@sallyport/service/audit';
import { OutboxRelay } from '@sallyport/service/relay';
import { enqueue } from '@sallyport/store/outbox';
import { type Db, isUniqueViolation, Store } from '@sallyport/store/store';
import { conflict, webhookMissing, webhookNotFound, webhooksFull } from '../faults.ts';
import { WebhookStore } from './webhook.store.ts';
import { checkWebhook, overlapMs, type Webhook, webhookWire } from './webhook.ts';
import { secretText, WebhookSecrets } from './webhook-secrets.ts';

export interface ChangedWebhook {
  readonly webhook: WebhookMessage;
  /** `whsec_...`; empty unless it was made now. */
  readonly secret: string;
}

const maxWebhooks = 200;

@Injectable()
export class ChangeWebhook {
  constructor(
    private readonly store: Store,
    private readonly webhooks: WebhookStore,
    private readonly secrets: WebhookSecrets,
    private readonly relay: OutboxRelay,
    private readonly clock: Clock,
  ) {}

  async apply(wanted: WebhookMessage | undefined, claims: SessionClaims): Promise<ChangedWebhook> {
    if (wanted === undefined) throw webhookMissing();
    checkWebhook(wanted);
    try {
      return await this.#change(claims, 'applied', async (db) => {
        const before = await this.webhooks.lock(db, claims.env, wanted.name);
        if (before === undefined) return { webhook: await this.#fresh(db, wanted, claims), isNew: true };
        const { source, type } = wanted;
        return { webhook: await this.webhooks.put(db, { ...before, source, type }), isNew: false };
      });
    } catch (error) {
      if (isUniqueViolation(error)) throw conflict(`webhook ${wanted.name}`);
      throw error;
    }
  }

  /** The secret until now stays good for an hour; the one before it ends at once. */
  rotate(name: string, claims: SessionClaims): Promise<ChangedWebhook> {
    return this.#change(claims, 'rotated', async (db) => {
      const before = await this.#lock(db, name, claims);
      const webhook = await this.webhooks.put(db, {
        ...before,
        secret: this.secrets.create(before),
        previous: before.secret,
        previousUntil: this.clock.now() + overlapMs,
      });
      return { webhook, isNew: true };
    });
  }

  async remove(name: string, claims: SessionClaims): Promise<void> {
    await this.#change(claims, 'removed', async (db) => {
      const webhook = await this.#lock(db, name, claims);
      await this.webhooks.remove(db, webhook.id);
      return { webhook, isNew: false };
    });
  }

  async list({ org, env }: SessionClaims): Promise<WebhookMessage[]> {
    return (await this.store.tx(org, (db) => this.webhooks.list(db, env))).map(webhookWire);
  }

  async #lock(db: Db, name: string, { env }: SessionClaims): Promise<Webhook> {
    const found = await this.webhooks.lock(db, env, name);
    if (found === undefined) throw webhookNotFound(name);
    return found;
  }

  async #fresh(db: Db, { name, source, type }: WebhookMessage, { org, env }: SessionClaims): Promise<Webhook> {
    if ((await this.webhooks.list(db, env)).length >= maxWebhooks) throw webhooksFull(maxWebhooks);
    const now = this.clock.now();
    const owner = { id: newId('webhook', now), org, environment: env };
    return this.webhooks.put(db, {
      ...owner,
      name,
      version: 1,
      source,
      type,
      secret: this.secrets.create(owner),
      previous: undefined,
      previousUntil: undefined,
      createdAt: now,
    });
  }

  async #change(
    { org, env: environment, sub: subject }: SessionClaims,
    change: 'applied' | 'rotated' | 'removed',
    work: (db: Db) => Promise<{ readonly webhook: Webhook; readonly isNew: boolean }>,
  ): Promise<ChangedWebhook> {
    const { webhook, isNew } = await this.store.tx(org, async (db) => {
      const done = await work(db);
      const resource = `webhook/${done.webhook.name}`;
      const facts = { change, id: done.webhook.id, version: String(done.webhook.version) };
      await enqueue(db, [
        auditRow({ kind: 'admin.webhook', org, environment, subject, resource, outcome: 'allow', facts }, this.clock),
      ]);
      return done;
    });
    this.relay.kick();
    return {
      webhook: webhookWire(webhook),
      secret: isNew ? secretText(this.secrets.open(webhook.secret, webhook)) : '',
    };
  }
}
