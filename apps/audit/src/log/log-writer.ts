/** The one writer of an org's log in this process: what arrives while a transaction commits goes into the next one. */

import { openCheckpoint, signCheckpoint } from '@sallyport/audit-verify/checkpoint';
import { emptyRoot, type Frontier } from '@sallyport/audit-verify/merkle';
import type { NoteSigner } from '@sallyport/audit-verify/note';
import type { Event } from '@sallyport/contracts/audit/v1/audit';
import type { Log } from '@sallyport/service/log';
import { isUniqueViolation, type Store } from '@sallyport/store/store';
import type { AdmittedEvent } from '../events/admit-event.ts';
import { contended, idReused, logInconsistent, overloaded } from '../faults.ts';
import type { Anchor } from './anchor.ts';
import { emptyHead, followLog, type LogHead, type Milestone, Mismatch } from './follow-log.ts';
import { type LogState, logMachine } from './log.machine.ts';
import {
  claimLog,
  type Expected,
  insertEvents,
  insertFirstCheckpoint,
  type KeptCheckpoint,
  readByIds,
  readCheckpoints,
  type StoredCheckpoint,
} from './log.store.ts';
import { type Placed, placeEvents } from './place-events.ts';

/** Events in one transaction at most. */
const batchEvents = 2_048;
/** Events that may wait before new ones are refused. */
const waitingEvents = 65_536;
/** A checkpoint is signed once this many events are unsigned, or this many milliseconds after the first of them. */
const signEvents = 256;
const signMs = 1_000;
/** Times a batch looks for its place again when another writer took it. */
const attempts = 8;

interface Waiting {
  readonly events: readonly AdmittedEvent[];
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** What a writer stands on. */
export interface WriterParts {
  readonly org: string;
  readonly store: Store;
  readonly signer: NoteSigner;
  readonly anchor: Anchor;
  readonly log: Log;
  /** Told of events once they are durable, in order. */
  readonly onStored: (events: readonly Event[]) => void;
}

/** Appends, signs and watches over one log. */
export class LogWriter {
  readonly #parts: WriterParts;
  #state: LogState = 'opening';
  #head: LogHead = emptyHead();
  #opened = false;
  #why = '';
  #failure: unknown;
  #queue: Waiting[] = [];
  #queued = 0;
  #draining: Promise<void> | undefined;
  #signDue = false;
  #timer: NodeJS.Timeout | undefined;
  #signed: (() => void)[] = [];

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  get state(): LogState {
    return this.#state;
  }

  /** Events that are durable. */
  get size(): number {
    return this.#head.frontier.size;
  }

  /** Resolves when the log has been read from its first event to its last. Throws `audit.log_inconsistent`. */
  async open(): Promise<void> {
    await this.#kick();
    this.#assertSound();
    if (this.#state === 'opening') throw this.#failure;
  }

  /** Makes events durable, all or none; rejects with the reason otherwise. */
  append(events: readonly AdmittedEvent[]): Promise<void> {
    if (this.#queued + events.length > waitingEvents) return Promise.reject(overloaded(this.#parts.org));
    return new Promise((done, failed) => {
      this.#queue.push({ events, done, failed });
      this.#queued += events.length;
      void this.#kick();
    });
  }

  /** The newest checkpoint once it covers a size, or undefined after `waitMs`. */
  async checkpoint(size: number, waitMs: number): Promise<KeptCheckpoint | undefined> {
    await this.open();
    const late = AbortSignal.timeout(waitMs);
    while (this.#head.signed.size < size) {
      if (this.#head.frontier.size >= size) this.#signDue = true;
      const signed = new Promise<void>((resolve) => {
        this.#signed.push(resolve);
        late.addEventListener('abort', () => resolve(), { once: true });
      });
      void this.#kick();
      await signed;
      this.#assertSound();
      if (late.aborted && this.#head.signed.size < size) return undefined;
    }
    const at = this.#head.signed.size;
    const [stored] = await this.#parts.store.tx(this.#parts.org, (db) => readCheckpoints(db, this.#parts.org, at, at));
    return stored;
  }

  /** Reads the whole log again and compares it with what this process wrote. */
  async sweep(): Promise<void> {
    if (this.#state !== 'open') return;
    const { org, store, signer } = this.#parts;
    try {
      const { frontier } = this.#head;
      await followLog(store, org, signer, emptyHead(), { size: frontier.size, root: frontier.root() });
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error;
      this.#halt(error);
    }
  }

  /** Signs what is unsigned, then stops signing. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#state === 'open') this.#signDue = true;
    await this.#kick();
    clearTimeout(this.#timer);
    await this.#parts.anchor.settled();
  }

  #kick(): Promise<void> {
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
      // What arrived between the last look and now has nobody else to start it.
      if (this.#queue.length > 0) void this.#kick();
    });
    return this.#draining;
  }

  async #drain(): Promise<void> {
    for (let failures = 0; failures < 2; ) {
      try {
        if (this.#state === 'opening') await this.#open();
        if (this.#state === 'halted') return this.#failAll(logInconsistent(this.#parts.org, this.#why));
        const batch = this.#takeBatch();
        if (batch.length > 0) await this.#commit(batch);
        else if (this.#signDue) await this.#sign();
        else return;
        failures = 0;
      } catch (error) {
        if (error instanceof Mismatch) this.#halt(error);
        else {
          failures += 1;
          this.#failure = error;
          this.#lose();
        }
      }
    }
    this.#signDue = false;
    this.#failAll(this.#failure);
    this.#scheduleSign();
  }

  #takeBatch(): Waiting[] {
    let events = 0;
    let requests = 0;
    for (const { events: own } of this.#queue) {
      if (requests > 0 && events + own.length > batchEvents) break;
      events += own.length;
      requests += 1;
    }
    this.#queued -= events;
    return this.#queue.splice(0, requests);
  }

  async #open(): Promise<void> {
    const { org, store, signer, anchor } = this.#parts;
    if (!this.#opened) {
      const first = firstCheckpoint(signer);
      const vkey = await store.tx(org, async (db) => {
        const claimed = await claimLog(db, org, signer.vkey);
        await insertFirstCheckpoint(db, org, first);
        return claimed;
      });
      if (vkey !== signer.vkey) throw new Mismatch('key_changed', 0);
    }
    const anchored = this.#opened ? undefined : openAnchor(anchor.read(org), signer);
    this.#head = await followLog(store, org, signer, this.#head, anchored);
    this.#opened = true;
    this.#state = logMachine.next(this.#state, 'verify') ?? this.#state;
    this.#tellSigned();
    this.#scheduleSign();
  }

  /** Stores a batch. Only its own requests fail with it. */
  async #commit(batch: readonly Waiting[]): Promise<void> {
    try {
      const placed = await this.#store(batch);
      this.#parts.onStored(placed.events);
      for (const [at, waiting] of batch.entries()) {
        const reused = placed.refused[at];
        if (reused === undefined) waiting.done();
        else waiting.failed(idReused(reused));
      }
    } catch (error) {
      if (error instanceof Mismatch) this.#halt(error);
      else this.#lose();
      const told = this.#state === 'halted' ? logInconsistent(this.#parts.org, this.#why) : error;
      for (const waiting of batch) waiting.failed(told);
    }
  }

  async #store(batch: readonly Waiting[]): Promise<Placed> {
    const { org, store, signer } = this.#parts;
    const requests = batch.map((waiting) => waiting.events);
    const hopeful = placeEvents(requests, this.#head.frontier, new Map());
    if (await this.#attempt(hopeful)) return hopeful;
    const ids = requests.flat().map(({ event }) => event.id);
    for (let attempt = 1; attempt < attempts; attempt += 1) {
      this.#head = await followLog(store, org, signer, this.#head);
      const known = await store.tx(org, (db) => readByIds(db, org, ids));
      const placed = placeEvents(requests, this.#head.frontier, known);
      if (await this.#attempt(placed)) return placed;
    }
    throw contended(org);
  }

  /** One transaction; false when the log does not end where this process believes it does, or holds an id already. */
  async #attempt(placed: Placed): Promise<boolean> {
    if (placed.rows.length === 0) return true;
    const { org, store, anchor } = this.#parts;
    const unsigned = placed.frontier.size - this.#head.signed.size;
    const checkpoint = unsigned >= signEvents ? this.#checkpointOf(placed.frontier) : undefined;
    try {
      const expected = this.#expected();
      if (!(await store.tx(org, (db) => insertEvents(db, org, expected, placed.rows, checkpoint)))) return false;
    } catch (error) {
      if (isUniqueViolation(error)) return false;
      throw error;
    }
    const signed = checkpoint === undefined ? this.#head.signed : { size: checkpoint.size, root: checkpoint.root };
    this.#head = { frontier: placed.frontier, lastLeaf: placed.rows.at(-1)?.leaf, signed };
    if (checkpoint === undefined) this.#scheduleSign();
    else {
      anchor.keep(org, checkpoint.note);
      this.#tellSigned();
    }
    return true;
  }

  async #sign(): Promise<void> {
    const { org, store, anchor } = this.#parts;
    this.#signDue = false;
    if (this.#head.frontier.size === this.#head.signed.size) return;
    const checkpoint = this.#checkpointOf(this.#head.frontier);
    const stored = await store
      .tx(org, (db) => insertEvents(db, org, this.#expected(), [], checkpoint))
      .catch((error: unknown) => {
        if (isUniqueViolation(error)) return false;
        throw error;
      });
    if (!stored) {
      // Another writer went on from here; what it did is read and checked before anything more is signed.
      this.#signDue = true;
      return this.#lose();
    }
    this.#head = { ...this.#head, signed: { size: checkpoint.size, root: checkpoint.root } };
    anchor.keep(org, checkpoint.note);
    this.#tellSigned();
  }

  #expected(): Expected {
    const { frontier, lastLeaf, signed } = this.#head;
    return { size: frontier.size, lastLeaf, signedRoot: signed.root };
  }

  #checkpointOf(frontier: Frontier): StoredCheckpoint {
    const root = frontier.root();
    const note = signCheckpoint(frontier.size, root, this.#parts.signer);
    return { size: frontier.size, root, frontier: frontier.toBytes(), note };
  }

  #scheduleSign(): void {
    if (this.#timer !== undefined || this.#head.frontier.size === this.#head.signed.size) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#signDue = true;
      void this.#kick();
    }, signMs);
  }

  #tellSigned(): void {
    for (const resolve of this.#signed.splice(0)) resolve();
  }

  #lose(): void {
    this.#state = logMachine.next(this.#state, 'lose') ?? this.#state;
  }

  #halt(mismatch: Mismatch): void {
    const { org, log } = this.#parts;
    this.#why = `${mismatch.why}:${mismatch.index}`;
    this.#state = logMachine.next(this.#state, 'mismatch') ?? this.#state;
    clearTimeout(this.#timer);
    log.error(
      { org, why: mismatch.why, index: mismatch.index },
      'the stored log is not the one that was signed; it is halted',
    );
    this.#tellSigned();
  }

  #failAll(error: unknown): void {
    const waiting = this.#queue.splice(0);
    this.#queued = 0;
    for (const { failed } of waiting) failed(error);
  }

  #assertSound(): void {
    if (this.#state === 'halted') throw logInconsistent(this.#parts.org, this.#why);
  }
}

function firstCheckpoint(signer: NoteSigner): StoredCheckpoint {
  return { size: 0, root: emptyRoot, frontier: Buffer.alloc(0), note: signCheckpoint(0, emptyRoot, signer) };
}

function openAnchor(note: string | undefined, signer: NoteSigner): Milestone | undefined {
  if (note === undefined) return undefined;
  const head = openCheckpoint(note, signer);
  if (typeof head === 'string') throw new Mismatch('anchor_changed', 0);
  return head;
}
