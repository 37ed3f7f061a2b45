/** Carries outbox rows out: audit rows to the audit service, event rows to their JetStream stream. */

import type { Bus } from '@sallyport/bus/connection';
import { ensureStream, publishStored } from '@sallyport/bus/events';
import { type StreamName, streams } from '@sallyport/bus/permissions';
import { tellStored } from '@sallyport/bus/team-events';
import { Fault } from '@sallyport/core/fault';
import {
  auditSubject,
  forgetPublished,
  markPublished,
  noticeStream,
  type OutboxRow,
  takeWaiting,
} from '@sallyport/store/outbox';
import type { Db, Store } from '@sallyport/store/store';
import type { AuditClient } from './audit.ts';
import type { Log } from './log.ts';

const batch = 200;
const pollMs = 500;
const forgetEvery = 120;

/** At least once and in order; what fails waits and is tried again. */
export class OutboxRelay {
  readonly #store: Store;
  readonly #bus: Bus;
  readonly #audit: AuditClient;
  readonly #log: Log;
  #stopped = false;
  #wake: () => void = () => undefined;
  /** Rows were committed since the last round began: it may not have seen them. */
  #kicked = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(store: Store, bus: Bus, audit: AuditClient, log: Log) {
    this.#store = store;
    this.#bus = bus;
    this.#audit = audit;
    this.#log = log;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Tells the relay that rows were just committed; without it they wait for the next poll. */
  kick(): void {
    this.#kicked = true;
    this.#wake();
  }

  /** Sends what waits, once more, then ends. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#loop;
  }

  async #run(): Promise<void> {
    let round = 0;
    let streamsKnown = false;
    for (;;) {
      const last = this.#stopped;
      try {
        streamsKnown ||= await this.#noticeStreams();
        let sent: number;
        do {
          this.#kicked = false;
          sent = await this.#round();
        } while (sent === batch && !this.#stopped);
        if (round++ % forgetEvery === 0) await this.#store.system(forgetPublished);
      } catch (error) {
        this.#log.warn({ error }, 'outbox waits: the bus, the audit service or the database does not take it');
      }
      if (last) return;
      await this.#sleep();
    }
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, pollMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#stopped || this.#kicked) this.#wake();
    });
  }

  async #noticeStreams(): Promise<boolean> {
    for (const [name, stream] of Object.entries(streams)) {
      if (stream.owner !== this.#bus.caller) continue;
      const created = await ensureStream(this.#bus, name as StreamName);
      const prefix = stream.subjects[0].split('*')[0] ?? '';
      const again = await this.#store.system((db) => noticeStream(db, name, created, prefix));
      if (again > 0)
        this.#log.warn({ stream: name, rows: again }, 'the stream was made anew; its kept rows are sent again');
    }
    return true;
  }

  #round(): Promise<number> {
    return this.#store.system(async (db: Db) => {
      const rows = await takeWaiting(db, batch);
      if (rows.length === 0) return 0;
      const audit = rows.filter((row) => row.subject === auditSubject);
      const events = rows.filter((row) => row.subject !== auditSubject);
      const results = await Promise.allSettled([this.#sendAudit(audit), this.#sendEvents(events)]);
      const sent = [audit, events].flatMap((part, index) => (results[index]?.status === 'fulfilled' ? part : []));
      await markPublished(
        db,
        sent.map((row) => row.position),
      );
      for (const result of results)
        if (result.status === 'rejected') this.#log.warn({ error: result.reason }, 'outbox rows wait');
      return sent.length;
    });
  }

  /** A row that the audit service will never take must not hold up those behind it: it is set aside, and said. */
  async #sendAudit(rows: readonly OutboxRow[]): Promise<void> {
    if (rows.length === 0) return;
    try {
      await this.#audit.relay(rows.map((row) => row.payload));
    } catch (error) {
      if (Fault.from(error).retryable || Fault.from(error).code === 'internal') throw error;
      if (rows.length === 1) {
        this.#log.error(
          { event: rows[0]?.id, error },
          'the audit service refuses this event for good; it is set aside',
        );
        return;
      }
      for (const row of rows) await this.#sendAudit([row]);
    }
  }

  async #sendEvents(rows: readonly OutboxRow[]): Promise<void> {
    for (const row of rows) {
      await publishStored(this.#bus, row.subject, row.id, row.payload);
      tellStored(this.#bus, row.subject, row.payload);
    }
  }
}
