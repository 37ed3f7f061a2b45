/** Export bundles being read, each by its org, made as they are read. */

import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { buildBundle, LogMismatch } from '@sallyport/audit-verify/build-bundle';
import { toTar } from '@sallyport/audit-verify/tar';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { Store } from '@sallyport/store/store';
import { AppendEvents } from '../events/append-events.ts';
import { checkpointBehind, logInconsistent, noSuchExport, tooManyExports } from '../faults.ts';
import { eventsPerRead, readCheckpoints, readEvents, readLeaves } from '../log/log.store.ts';
import { Logs } from '../log/logs.ts';
import { Chunks } from './chunks.ts';

/** Bytes of one answer at most. */
const chunkBytes = 512 * 1024;
const openPerOrg = 4;
/** An export nobody reads for this long is given up. */
const idleMs = 10 * 60_000;
const signWaitMs = 5_000;

interface OpenExport {
  readonly org: string;
  readonly chunks: Chunks;
  lastRead: number;
}

@Injectable()
export class Exports implements OnModuleDestroy {
  readonly #open = new Map<string, OpenExport>();

  constructor(
    private readonly logs: Logs,
    private readonly store: Store,
    private readonly append: AppendEvents,
    private readonly clock: Clock,
  ) {}

  /** Records that the log is exported, and starts a bundle that holds this very record. */
  async open(session: SessionClaims): Promise<string> {
    const { org } = session;
    this.#forgetIdle();
    if ([...this.#open.values()].filter((each) => each.org === org).length >= openPerOrg)
      throw tooManyExports(openPerOrg);
    const id = newId('export', this.clock.now());
    await this.append.record({
      kind: 'log.export',
      org,
      environment: session.env,
      subject: session.sub,
      resource: `log/${org}`,
      outcome: 'allow',
      facts: { export: id },
    });
    const log = this.logs.of(org);
    const size = log.size;
    const newest = await log.checkpoint(size, signWaitMs);
    if (newest === undefined) throw checkpointBehind(size);
    this.#open.set(id, {
      org,
      chunks: new Chunks(this.#bundle(org, newest.size), chunkBytes),
      lastRead: this.clock.now(),
    });
    return id;
  }

  /** The next bytes of an export. The last answer says so, and ends the export. */
  async read(org: string, id: string): Promise<{ data: Uint8Array; end: boolean }> {
    this.#forgetIdle();
    const found = this.#open.get(id);
    if (found === undefined || found.org !== org) throw noSuchExport(id);
    found.lastRead = this.clock.now();
    try {
      const next = await found.chunks.next();
      if (next.end) this.#open.delete(id);
      return next;
    } catch (error) {
      this.#open.delete(id);
      if (error instanceof LogMismatch) throw logInconsistent(org, `entry_changed:${error.index}`);
      throw error;
    }
  }

  onModuleDestroy(): void {
    this.#open.clear();
  }

  async *#bundle(org: string, size: number): AsyncGenerator<Buffer> {
    const checkpoints = await this.store.tx(org, (db) => readCheckpoints(db, org, 0, size));
    const signer = this.logs.signerOf(org);
    const leaves = (): AsyncGenerator<Uint8Array> => this.#leaves(org, size);
    const entries = (): AsyncGenerator<Uint8Array> => this.#entries(org, size);
    yield* toTar(buildBundle({ org, signer, checkpoints, leaves, entries }));
  }

  async *#leaves(org: string, size: number): AsyncGenerator<Uint8Array> {
    for (let from = 0; from < size; from += eventsPerRead) {
      yield* await this.store.tx(org, (db) => readLeaves(db, org, from, Math.min(eventsPerRead, size - from)));
    }
  }

  async *#entries(org: string, size: number): AsyncGenerator<Uint8Array> {
    for (let from = 0; from < size; from += eventsPerRead) {
      const rows = await this.store.tx(org, (db) => readEvents(db, org, from, Math.min(eventsPerRead, size - from)));
      for (const row of rows) yield Buffer.from(row.canonical);
    }
  }

  #forgetIdle(): void {
    for (const [id, each] of this.#open) if (this.clock.now() - each.lastRead > idleMs) this.#open.delete(id);
  }
}
