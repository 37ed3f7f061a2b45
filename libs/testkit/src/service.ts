/** Hosts a service's Nest module on the test bus: real transport, real tokens, real database. */

import type { INestMicroservice, Type } from '@nestjs/common';
import type { Bus } from '@sallyport/bus/connection';
import type { Caller } from '@sallyport/core/access';
import { type Clock, systemClock } from '@sallyport/core/clock';
import { AuditClient } from '@sallyport/service/audit';
import { Log } from '@sallyport/service/log';
import { OutboxRelay } from '@sallyport/service/relay';
import { startNest } from '@sallyport/service/start';
import type { Store } from '@sallyport/store/store';
import type { Verifier } from '@sallyport/trust/verifier';

export interface HostedService {
  readonly app: INestMicroservice;
  readonly bus: Bus;
  close(): Promise<void>;
}

export interface HostOptions {
  readonly name: Caller;
  readonly module: Type;
  readonly bus: Bus;
  readonly verifier: Verifier;
  readonly config?: unknown;
  readonly store?: Store;
  readonly clock?: Clock;
  /** Carries the outbox too; off unless asked for. */
  readonly relay?: boolean;
}

/** Starts the module; `close` ends it but not the bus or the store. */
export async function hostService(options: HostOptions): Promise<HostedService> {
  const { bus, verifier, store, clock = systemClock } = options;
  const log = new Log(options.name, 'silent');
  const audit = new AuditClient(bus, clock);
  const relay = store === undefined ? undefined : new OutboxRelay(store, bus, audit, log);
  const platform = { config: options.config ?? {}, bus, clock, log, verifier, audit };
  const app = await startNest(options.module, {
    ...platform,
    ...(store === undefined ? {} : { store }),
    ...(relay === undefined ? {} : { relay }),
  });
  if (options.relay === true) relay?.start();
  return {
    app,
    bus,
    close: async () => {
      await app.close();
      if (options.relay === true) await relay?.stop();
    },
  };
}
