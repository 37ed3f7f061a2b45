/** What every service stands on, offered to Nest by name. */

import type { DynamicModule } from '@nestjs/common';
import { Bus } from '@sallyport/bus/connection';
import { Clock } from '@sallyport/core/clock';
import { Store } from '@sallyport/store/store';
import { Verifier } from '@sallyport/trust/verifier';
import { AuditClient } from './audit.ts';
import { Log } from './log.ts';
import { OutboxRelay } from './relay.ts';

/** Injection token of a service's own parsed configuration. */
export const CONFIG = Symbol('sallyport.config');

/** The parts; `store` and `relay` only where the service has a database. */
export interface Platform<Config = unknown> {
  readonly config: Config;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
  readonly verifier: Verifier;
  readonly audit: AuditClient;
  readonly store?: Store;
  readonly relay?: OutboxRelay;
}

class PlatformModule {}

/** A global module of the parts that exist. */
export function platformModule(platform: Platform): DynamicModule {
  const offered = [
    { provide: CONFIG, useValue: platform.config },
    { provide: Bus, useValue: platform.bus },
    { provide: Clock, useValue: platform.clock },
    { provide: Log, useValue: platform.log },
    { provide: Verifier, useValue: platform.verifier },
    { provide: AuditClient, useValue: platform.audit },
    ...(platform.store === undefined ? [] : [{ provide: Store, useValue: platform.store }]),
    ...(platform.relay === undefined ? [] : [{ provide: OutboxRelay, useValue: platform.relay }]),
  ];
  return { module: PlatformModule, global: true, providers: offered, exports: offered.map((each) => each.provide) };
}
