/** Every org's log in this process. */

import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus } from '@sallyport/bus/connection';
import { publish } from '@sallyport/bus/events';
import { auditEvent } from '@sallyport/bus/subject';
import { tellAudit } from '@sallyport/bus/team-events';
import { type Event, EventSchema } from '@sallyport/contracts/audit/v1/audit';
import { Log } from '@sallyport/service/log';
import { CONFIG } from '@sallyport/service/platform';
import { Store } from '@sallyport/store/store';
import type { AuditConfig } from '../config.ts';
import { Anchor } from './anchor.ts';
import { listLogs } from './log.store.ts';
import { LogWriter } from './log-writer.ts';
import { SigningKey } from './signing-key.ts';

/** Subject token of an event that belongs to no environment; no environment can be named so. */
const noEnvironment = '_';

/** Opens logs as they are asked for, and all known ones at start; sweeps them while the service runs. */
@Injectable()
export class Logs implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #key: SigningKey;
  readonly #anchor: Anchor;
  readonly #writers = new Map<string, LogWriter>();
  #opening: Promise<void> = Promise.resolve();
  #sweeper: NodeJS.Timeout | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: AuditConfig,
    private readonly store: Store,
    private readonly bus: Bus,
    private readonly log: Log,
  ) {
    this.#key = SigningKey.load(config.SALLY_AUDIT_KEY_FILE);
    this.#anchor = new Anchor(config.SALLY_AUDIT_ANCHOR_DIR, log);
  }

  /** The log of an org; it opens itself on first use. */
  of(org: string): LogWriter {
    const known = this.#writers.get(org);
    if (known !== undefined) return known;
    const { store, log } = this;
    const signer = this.#key.signerOf(org);
    const onStored = (events: readonly Event[]): void => this.#publish(org, events);
    const writer = new LogWriter({ org, store, signer, anchor: this.#anchor, log, onStored });
    this.#writers.set(org, writer);
    return writer;
  }

  /** The signer of an org's log. */
  signerOf(org: string): ReturnType<SigningKey['signerOf']> {
    return this.#key.signerOf(org);
  }

  /** Throws when a log is halted; the reason names it. */
  assertSound(): void {
    const halted = [...this.#writers].filter(([, writer]) => writer.state === 'halted').map(([org]) => org);
    if (halted.length > 0) throw new Error(`halted: ${halted.join(' ')}`);
  }

  onApplicationBootstrap(): void {
    this.#opening = this.#openKnown().catch((error: unknown) => {
      this.log.warn({ error }, 'the known logs could not all be read at start; each is read when it is used');
    });
    this.#sweeper = setInterval(() => void this.sweep(), this.config.SALLY_AUDIT_SWEEP_SECONDS * 1000);
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.#sweeper);
    await this.#opening;
    const closing = [...this.#writers.values()].map((writer) => writer.close());
    for (const result of await Promise.allSettled(closing)) {
      if (result.status === 'rejected')
        this.log.warn({ error: result.reason }, 'a log could not be signed before the end');
    }
  }

  /** Reads every log again from its first event. */
  async sweep(): Promise<void> {
    for (const [org, writer] of this.#writers) {
      await writer.sweep().catch((error: unknown) => this.log.warn({ org, error }, 'a log could not be swept'));
    }
  }

  async #openKnown(): Promise<void> {
    for (const { org } of await this.store.system(listLogs)) {
      await this.of(org)
        .open()
        .catch((error: unknown) => this.log.warn({ org, error }, 'a log could not be opened'));
    }
  }

  #publish(org: string, events: readonly Event[]): void {
    // Who listens may miss events; whoever must not asks for them by sequence. The log does not depend on the bus.
    if (this.bus.nats.isClosed()) return;
    for (const event of events) {
      publish(this.bus, auditEvent(org, event.environment || noEnvironment), EventSchema, event);
      tellAudit(this.bus, event);
    }
  }
}
