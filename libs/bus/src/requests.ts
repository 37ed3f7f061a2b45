/**
 * Requests over one inbox of the connection.
 *
 * The client's own `request` makes an error with a stack for every answer that comes and draws fresh random bytes for every call; both
 * cost more than the rest of it. Here a reply subject is as hard to guess, an error exists only when there is one, and what ends
 * every call at once, a lost connection, is known in one place.
 */

import { randomFillSync } from 'node:crypto';
import { type Msg, type MsgHdrs, type NatsConnection, NoRespondersError, TimeoutError } from '@nats-io/transport-node';

/** The connection was lost or closed; an answer that was under way will not come. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

export interface RequestOptions {
  /** Milliseconds to wait. */
  readonly timeout: number;
  readonly headers: MsgHdrs;
}

interface Pending {
  readonly subject: string;
  readonly resolve: (message: Msg) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

const tokenBytes = 16;
const noResponders = 503;

export class Requests {
  readonly #nats: NatsConnection;
  readonly #prefix: string;
  readonly #pending = new Map<string, Pending>();
  readonly #random = Buffer.allocUnsafe(tokenBytes * 256);
  #drawn = this.#random.length;

  constructor(nats: NatsConnection, inboxPrefix: string) {
    this.#nats = nats;
    this.#prefix = `${inboxPrefix}.${this.#token()}.`;
    nats.subscribe(`${this.#prefix}*`, { callback: (error, message) => void (error === null && this.#take(message)) });
  }

  /** Rejects with NoRespondersError, TimeoutError, ConnectionLost, or what the server says against the subject. */
  ask(subject: string, body: Uint8Array, { timeout, headers }: RequestOptions): Promise<Msg> {
    const reply = this.#prefix + this.#token();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(reply)?.reject(new TimeoutError()), timeout);
      this.#pending.set(reply, { subject, resolve, reject, timer });
      try {
        this.#nats.publish(subject, body, { reply, headers });
      } catch (error) {
        this.#settle(reply);
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  /** Ends every call under way. */
  lose(): void {
    for (const reply of this.#pending.keys())
      this.#settle(reply)?.reject(new ConnectionLost('the connection was lost'));
  }

  /** Ends the calls to a subject that this user may not publish to. */
  refuse(subject: string, error: Error): void {
    for (const [reply, pending] of this.#pending) {
      if (pending.subject === subject) this.#settle(reply)?.reject(error);
    }
  }

  #take(message: Msg): void {
    const pending = this.#settle(message.subject);
    if (pending === undefined) return;
    if (message.data.length === 0 && message.headers?.code === noResponders) {
      pending.reject(new NoRespondersError(pending.subject));
    } else pending.resolve(message);
  }

  #settle(reply: string): Pending | undefined {
    const pending = this.#pending.get(reply);
    if (pending === undefined) return undefined;
    this.#pending.delete(reply);
    clearTimeout(pending.timer);
    return pending;
  }

  #token(): string {
    if (this.#drawn === this.#random.length) {
      randomFillSync(this.#random);
      this.#drawn = 0;
    }
    this.#drawn += tokenBytes;
    return this.#random.toString('base64url', this.#drawn - tokenBytes, this.#drawn);
  }
}
