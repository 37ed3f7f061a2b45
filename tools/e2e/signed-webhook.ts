/** A sender of signed webhooks, as Standard Webhooks describes one. */

import { createHmac } from 'node:crypto';
import type { StartedStack } from './started-stack.ts';

export interface Delivered {
  readonly status: number;
  /** Id of the event it became. */
  readonly event?: string;
}

export class SignedWebhook {
  readonly #url: URL;
  readonly #key: Buffer;

  private constructor(url: URL, secret: string) {
    this.#url = url;
    this.#key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  }

  /** Makes the webhook and keeps its secret, which is shown this once. */
  static async make(stack: StartedStack, name: string): Promise<SignedWebhook> {
    const { path, secret } = await stack.rest.put<{ path: string; secret: string }>(`/v1/webhooks/${name}`, {});
    return new SignedWebhook(new URL(path, stack.rest.url), secret);
  }

  /** Sends a body under an id; the same id again is the same message, whenever it is signed. */
  async deliver(id: string, body: object): Promise<Delivered> {
    const text = JSON.stringify(body);
    const at = Math.floor(Date.now() / 1_000);
    const signature = createHmac('sha256', this.#key).update(`${id}.${at}.${text}`).digest('base64');
    const answer = await fetch(this.#url, {
      method: 'POST',
      body: text,
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(at),
        'webhook-signature': `v1,${signature}`,
      },
    });
    return { status: answer.status, ...((await answer.json()) as { event?: string }) };
  }
}
