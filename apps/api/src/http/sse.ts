/**
 * Server-sent events over a pull stream: nothing is produced that the reader has not asked for, so a stalled reader costs
 * one idle iterator and one piece of what it was given, for a time; then it is cut off and resumes when it comes back.
 */

/** One event of a stream. */
export interface SseEvent {
  /** The resume cursor; absent for an event a reader must not resume from. */
  readonly id?: string;
  readonly event: string;
  /** One JSON line. */
  readonly data: string;
}

/** Events in order, each made when it is its turn to go out. Bytes are a frame that readers share. */
export type SseBatch = Iterable<SseEvent | Uint8Array>;

export interface SseOptions {
  /** Milliseconds of silence after which a comment is sent. */
  readonly heartbeatMs: number;
  /** Milliseconds for which a reader may take nothing of what waits for it. */
  readonly stallMs: number;
  /** Called when a reader was given up: what is left for it says so, and its connection ends soon whether it reads that or not. */
  onStall(): void;
  /** Called once when the reader has gone or the stream is over. */
  onClose(): void;
}

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
} as const;

/** Bytes that go out at once, and one event more. */
const pieceBytes = 16 * 1024;

const encoder = new TextEncoder();

const heartbeat = encoder.encode(': heartbeat\n\n');

const stalled = encodeFrame({ event: 'lagged', data: JSON.stringify({ reason: 'reader_stalled' }) });

/** Streams batches of events until the source ends or the reader goes or takes nothing any more. */
export function sseResponse(source: AsyncGenerator<SseBatch>, options: SseOptions): Response {
  const stream = new SseStream(source, options);
  return new Response(new ReadableStream<Uint8Array>(stream, { highWaterMark: 0 }), { headers });
}

class SseStream {
  private readonly source: AsyncGenerator<SseBatch>;
  private readonly options: SseOptions;
  private pending: Promise<IteratorResult<SseBatch>> | undefined;
  private batch: Iterator<SseEvent | Uint8Array> | undefined;
  private patience: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(source: AsyncGenerator<SseBatch>, options: SseOptions) {
    this.source = source;
    this.options = options;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.hand(controller, encoder.encode('retry: 2000\n\n'));
  }

  /** Called whenever the reader has taken what was handed to it. */
  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    clearTimeout(this.patience);
    for (;;) {
      const piece = this.piece();
      if (piece !== undefined) return this.hand(controller, piece);
      this.pending ??= this.source.next();
      const next = await within(this.pending, this.options.heartbeatMs);
      if (this.closed) return;
      if (next === 'silent') return this.hand(controller, heartbeat);
      this.pending = undefined;
      if (next.done === true) {
        this.close();
        return controller.close();
      }
      this.batch = next.value[Symbol.iterator]();
    }
  }

  async cancel(): Promise<void> {
    this.close();
    await this.source.return(undefined);
  }

  private hand(controller: ReadableStreamDefaultController<Uint8Array>, bytes: Uint8Array): void {
    controller.enqueue(bytes);
    this.patience = setTimeout(() => this.giveUp(controller), this.options.stallMs);
    this.patience.unref();
  }

  /** Lets go of everything but what was handed over already. */
  private giveUp(controller: ReadableStreamDefaultController<Uint8Array>): void {
    if (this.closed) return;
    this.batch = undefined;
    void this.source.return(undefined);
    controller.enqueue(stalled);
    controller.close();
    this.options.onStall();
    this.close();
  }

  private close(): void {
    clearTimeout(this.patience);
    if (this.closed) return;
    this.closed = true;
    this.options.onClose();
  }

  /** The next of the batch; undefined when there is nothing left of it. */
  private piece(): Uint8Array | undefined {
    const { batch } = this;
    if (batch === undefined) return undefined;
    const parts: Uint8Array[] = [];
    let bytes = 0;
    while (bytes < pieceBytes) {
      const next = batch.next();
      if (next.done === true) {
        this.batch = undefined;
        break;
      }
      const part = next.value instanceof Uint8Array ? next.value : encodeFrame(next.value);
      bytes += part.byteLength;
      parts.push(part);
    }
    return parts.length > 1 ? Buffer.concat(parts) : parts[0];
  }
}

/** The wire form of one event. */
export function encodeFrame({ id, event, data }: SseEvent): Uint8Array {
  return encoder.encode(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`);
}

async function within<T>(work: Promise<T>, ms: number): Promise<T | 'silent'> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<'silent'>((resolve) => {
    timer = setTimeout(resolve, ms, 'silent');
  });
  return Promise.race([work, silence]).finally(() => clearTimeout(timer));
}
