/** One authenticated connection to NATS, and whose it is. */

import { connect, type NatsConnection, nkeyAuthenticator, PermissionViolationError } from '@nats-io/transport-node';
import type { Caller } from '@sallyport/core/access';
import { Fault } from '@sallyport/core/fault';
import { Requests } from './requests.ts';
import { inboxPrefix } from './subject.ts';

export interface BusOptions {
  /** `nats://host:port`. */
  readonly url: string;
  readonly caller: Caller;
  /** Seed of the user's nkey. */
  readonly seed: string;
}

/** The bus as one service sees it. Reconnects for ever; calls made meanwhile fail with `unavailable`. */
export class Bus {
  readonly caller: Caller;
  readonly nats: NatsConnection;

  /** Calls to other services. */
  readonly requests: Requests;

  #connected = true;

  private constructor(caller: Caller, nats: NatsConnection) {
    this.caller = caller;
    this.nats = nats;
    this.requests = new Requests(nats, inboxPrefix(caller));
    void this.#watch();
  }

  /** Whether the server is there; calls made while it is not fail at once. */
  get connected(): boolean {
    return this.#connected;
  }

  async #watch(): Promise<void> {
    for await (const status of this.nats.status()) {
      if (status.type === 'reconnect') this.#connected = true;
      if (status.type === 'error' && status.error instanceof PermissionViolationError) {
        this.requests.refuse(status.error.subject, status.error);
      }
      if (status.type !== 'disconnect') continue;
      this.#connected = false;
      this.requests.lose();
    }
    this.requests.lose();
  }

  static async connect(options: BusOptions): Promise<Bus> {
    const nats = await connect({
      servers: options.url,
      name: options.caller,
      authenticator: nkeyAuthenticator(new TextEncoder().encode(options.seed)),
      inboxPrefix: inboxPrefix(options.caller),
      maxReconnectAttempts: -1,
      reconnectTimeWait: 200,
      reconnectJitter: 100,
      ignoreAuthErrorAbort: true,
      waitOnFirstConnect: true,
      pingInterval: 5_000,
      maxPingOut: 2,
    }).catch((error: unknown) => {
      throw new Fault(
        'unavailable',
        'bus.unreachable',
        `NATS at ${options.url} does not answer; start it or check the URL and the user's key`,
        {},
        { cause: error },
      );
    });
    return new Bus(options.caller, nats);
  }

  /** Ends subscriptions, lets requests in flight finish, closes. */
  async close(): Promise<void> {
    if (this.nats.isClosed()) return;
    await this.nats.drain().catch(() => this.nats.close());
  }
}
