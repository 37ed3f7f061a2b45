/**
 * Events on their way out, in order and at least once.
 *
 * Each has a local number. An event leaves the buffer when the runtime acknowledges its number; until then it is sent again after every
 * broken connection, and the runtime drops what it has seen. One request is under way at a time: a lone event leaves at
 * once, and whatever arrives meanwhile travels together in the next.
 */

import type { AgentEvent } from '../event.ts';

/** Takes numbered events, answers the last number taken; rejects only when sending again is pointless. */
export type Send = (first: number, events: readonly string[]) => Promise<number>;

const bufferBytes = 4 * 1024 * 1024;
/** The runtime takes 1 MiB in one request; no event of a runner comes near the other half. */
const batchBytes = 512 * 1024;
const batchEvents = 256;

export class Emitter {
  private readonly send: Send;
  private pending: { readonly json: string; readonly bytes: number }[] = [];
  private pendingBytes = 0;
  /** Local number of `pending[0]`. */
  private first = 1;
  private pumping: Promise<void> | undefined;
  private room: { readonly promise: Promise<void>; readonly open: () => void } | undefined;
  private failure: Error | undefined;

  constructor(send: Send) {
    this.send = send;
  }

  /** Takes an event; the promise is settled when there is room for the next. Awaiting it is what slows a flooding runner down. */
  async emit(event: AgentEvent): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    const json = JSON.stringify(event);
    const bytes = Buffer.byteLength(json);
    this.pending.push({ json, bytes });
    this.pendingBytes += bytes;
    this.pumping ??= this.pump();
    while (this.pendingBytes > bufferBytes && this.failure === undefined) await this.waitForRoom();
  }

  /** Settles when everything emitted so far has been acknowledged. */
  async flush(): Promise<void> {
    while (this.pumping !== undefined) await this.pumping;
    if (this.failure !== undefined) throw this.failure;
  }

  private waitForRoom(): Promise<void> {
    if (this.room === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.room = { promise, open: resolve };
    }
    return this.room.promise;
  }

  private async pump(): Promise<void> {
    // What is emitted in the same tick leaves together.
    await Promise.resolve();
    try {
      while (this.pending.length > 0) this.drop(await this.send(this.first, this.batch()));
    } catch (error) {
      this.failure = error instanceof Error ? error : new Error(String(error));
    } finally {
      this.pumping = undefined;
      this.letIn();
    }
  }

  private batch(): string[] {
    let bytes = 0;
    let count = 0;
    for (const event of this.pending) {
      if (count > 0 && (count === batchEvents || bytes + event.bytes > batchBytes)) break;
      bytes += event.bytes;
      count += 1;
    }
    return this.pending.slice(0, count).map(({ json }) => json);
  }

  private drop(last: number): void {
    const taken = this.pending.splice(0, Math.max(0, last - this.first + 1));
    this.first += taken.length;
    for (const { bytes } of taken) this.pendingBytes -= bytes;
    if (this.pendingBytes <= bufferBytes) this.letIn();
  }

  private letIn(): void {
    this.room?.open();
    this.room = undefined;
  }
}
