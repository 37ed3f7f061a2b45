/**
 * One workload's output: takes events in, gives each its place in the stream, keeps it, tells live readers.
 *
 * Sequence numbers start at 1 and have no gap. Events of the supervisor count as taken by their local number, so what it
 * sends again after a broken connection is taken once. Bytes beyond the limit are dropped and counted; the runner's
 * closing word and its errors always fit.
 */

import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Result, type UnitEvent, UnitEventSchema } from '@sallyport/contracts/unit/v1/event';
import type { Clock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { OutputFile } from './output-file.ts';

export type EventBody = NonNullable<MessageInitShape<typeof UnitEventSchema>['body']>;

/** What an agent may say; everything else is the platform's own word. */
const agentBodies: ReadonlySet<string> = new Set([
  'sessionStarted',
  'messageDelta',
  'messageCompleted',
  'thinking',
  'toolStarted',
  'toolOutput',
  'toolCompleted',
  'fileChanged',
  'usageUpdated',
  'retry',
  'turnCompleted',
  'result',
  'error',
  'raw',
  'output',
  'inputTaken',
  'inputEnded',
  'sessionSaved',
]);

/** Bodies that are kept beyond the limit, as long as they are small. */
const alwaysKept: ReadonlySet<string> = new Set(['result', 'error']);
const alwaysKeptBytes = 128 * 1024;
const alwaysKeptEvents = 64;

/** How inputs went is kept too, without an agent's words: who sent one must learn its end. */
const inputBodies: ReadonlySet<string> = new Set(['inputTaken', 'inputEnded', 'sessionSaved']);
const inputEventBytes = 2 * 1024;
const inputEvents = 40_000;

/** Bytes of one event: what the bus carries with room for its envelope. An agent's are smaller, since its calls are. */
const maxEventBytes = 1536 * 1024;

export interface OutputOptions {
  readonly path: string;
  readonly org: string;
  readonly run: string;
  readonly dispatch: string;
  /** Bytes of agent events kept. */
  readonly limitBytes: number;
  readonly clock: Clock;
  /** Tells live readers, best effort. */
  readonly publish: (event: UnitEvent) => void;
}

/** What a stage's own work took, for its detail: the time since the stage before also holds what went on beside it. */
export const workMicros = (begunMs: number, endedMs: number): string => String(Math.round((endedMs - begunMs) * 1000));

/** An event the supervisor may not send, or a number that leaves a gap. */
export class RefusedOutput extends Error {
  override readonly name = 'RefusedOutput';
}

export class OutputLog {
  readonly #options: OutputOptions;
  readonly #file: OutputFile;
  readonly #listeners = new Set<() => void>();
  #seq = 0n;
  #local = 0n;
  #kept = 0;
  #exempt = 0;
  #exemptInputs = 0;
  #dropped = 0;
  #result: Result | undefined;
  #stagedAt: number;

  constructor(options: OutputOptions) {
    this.#options = options;
    this.#file = new OutputFile(options.path);
    for (const { event, local, dropped } of this.#file.recover()) {
      if (event === undefined) {
        this.#local = local;
        this.#dropped = dropped;
        continue;
      }
      this.#seq = event.seq;
      if (local > 0n) this.#noteAgent(event, local, toBinary(UnitEventSchema, event).length);
    }
    this.#stagedAt = options.clock.monotonic();
  }

  /** Bytes taken so far. */
  get size(): number {
    return this.#file.size;
  }

  /** The runner's closing word, when it said one. */
  get result(): Result | undefined {
    return this.#result;
  }

  /** Bytes of agent events beyond the limit. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes events of the supervisor, `first` being the local number of the first one; answers the last number taken. */
  take(first: bigint, events: readonly UnitEvent[]): bigint {
    if (first < 1n) throw new RefusedOutput('local numbers start at 1');
    if (first > this.#local + 1n) throw new RefusedOutput('local numbers have a gap');
    const fresh = events.slice(Number(this.#local + 1n - first));
    const refused = fresh.find(({ body }) => body.case === undefined || !agentBodies.has(body.case));
    if (refused !== undefined) throw new RefusedOutput(`an agent may not say ${refused.body.case ?? 'nothing'}`);
    const kept: { event: UnitEvent; local: bigint }[] = [];
    const droppedBefore = this.#dropped;
    for (const given of fresh) {
      const { event, bytes } = this.#sized(given.body as EventBody);
      const local = this.#local + 1n;
      if (!this.#fits(event, bytes)) {
        this.#local = local;
        this.#dropped += bytes;
        continue;
      }
      this.#seq = event.seq;
      this.#noteAgent(event, local, bytes);
      kept.push({ event, local });
    }
    this.#write(kept);
    if (this.#dropped > droppedBefore) this.#file.mark(this.#local, this.#dropped);
    return this.#local;
  }

  /** Adds an event of the platform; one that nobody could carry is told as dropped. */
  say(body: EventBody): void {
    const said = this.#stamp(body);
    const bytes = toBinary(UnitEventSchema, said).length;
    const event =
      bytes <= maxEventBytes ? said : this.#stamp({ case: 'outputDropped', value: { bytes: BigInt(bytes) } });
    this.#seq = event.seq;
    this.#write([{ event, local: 0n }]);
  }

  /** Tells that a stage of the dispatch's own life was reached, and how long it took since the one before. */
  stage(stage: string, detail: Readonly<Record<string, string>> = {}): void {
    const now = this.#options.clock.monotonic();
    const tookMicros = BigInt(Math.round((now - this.#stagedAt) * 1000));
    this.#stagedAt = now;
    this.say({ case: 'stageReached', value: { stage, tookMicros, detail: { ...detail } } });
  }

  /** Whole events from a byte offset; at most `maxBytes` of them, at least one when there is one. */
  read(offset: number, maxBytes: number): { readonly events: UnitEvent[]; readonly end: number } {
    const frames = this.#file.read(offset, maxBytes);
    return { events: frames.flatMap(({ event }) => event ?? []), end: frames.at(-1)?.end ?? offset };
  }

  /** Calls back after every write until the answer is called. */
  onWritten(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#listeners.clear();
    this.#file.close();
  }

  #stamp(body: EventBody): UnitEvent {
    const { org, run, dispatch, clock } = this.#options;
    const now = clock.now();
    const at = timestampFromMs(now);
    return create(UnitEventSchema, { id: newId('event', now), org, run, dispatch, seq: this.#seq + 1n, at, body });
  }

  /** An event with its place; the end of an input that is too long for what is left goes without the agent's words. */
  #sized(body: EventBody): { event: UnitEvent; bytes: number } {
    const event = this.#stamp(body);
    const bytes = toBinary(UnitEventSchema, event).length;
    if (body.case !== 'inputEnded' || this.#kept + bytes <= this.#options.limitBytes) return { event, bytes };
    const short = this.#stamp({ case: 'inputEnded', value: { ...body.value, reply: '' } });
    return { event: short, bytes: toBinary(UnitEventSchema, short).length };
  }

  #fits(event: UnitEvent, bytes: number): boolean {
    if (this.#kept + bytes <= this.#options.limitBytes) return true;
    if (inputBodies.has(event.body.case ?? '') && bytes <= inputEventBytes) {
      this.#exemptInputs += 1;
      return this.#exemptInputs <= inputEvents;
    }
    if (!alwaysKept.has(event.body.case ?? '') || bytes > alwaysKeptBytes) return false;
    this.#exempt += 1;
    return this.#exempt <= alwaysKeptEvents;
  }

  #noteAgent(event: UnitEvent, local: bigint, bytes: number): void {
    this.#local = local;
    this.#kept += bytes;
    if (event.body.case === 'result') this.#result = event.body.value;
  }

  #write(frames: readonly { readonly event: UnitEvent; readonly local: bigint }[]): void {
    if (frames.length === 0) return;
    this.#file.append(frames);
    for (const { event } of frames) this.#options.publish(event);
    for (const listener of this.#listeners) listener();
  }
}
