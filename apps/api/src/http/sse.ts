/**
 * Server-sent events over a pull stream: nothing is produced that the reader has not asked for, so a stalled reader costs
 * one idle iterator and no growing buffer.
 */

/** One event of a stream. */
export interface SseEvent {
  /** The resume cursor; absent for an event a reader must not resume from. */
  readonly id?: string;
  readonly event: string;
  /** One JSON line. */
  readonly data: string;
}

export interface SseOptions {
  /** Milliseconds of silence after which a comment is sent. */
  readonly heartbeatMs: number;
  /** Called once when the reader has gone or the stream is over. */
  onClose(): void;
}

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
} as const;

const pieceLength = 32 * 1024;

/** Streams batches of events until the source ends or the reader goes. */
export function sseResponse(source: AsyncGenerator<readonly SseEvent[]>, options: SseOptions): Response {
  const encoder = new TextEncoder();
  let pending: Promise<IteratorResult<readonly SseEvent[]>> | undefined;
  let batch: readonly SseEvent[] = [];
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    options.onClose();
  };
  /** The next of a batch, as much as goes out at once: what a stalled reader keeps in encoded form. */
  const piece = (): string => {
    let text = '';
    let taken = 0;
    for (const event of batch) {
      if (text.length > pieceLength) break;
      text += frame(event);
      taken += 1;
    }
    batch = batch.slice(taken);
    return text;
  };
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(encoder.encode('retry: 2000\n\n')),
      async pull(controller) {
        if (batch.length > 0) return controller.enqueue(encoder.encode(piece()));
        pending ??= source.next();
        const next = await within(pending, options.heartbeatMs);
        if (next === 'silent') return controller.enqueue(encoder.encode(': heartbeat\n\n'));
        pending = undefined;
        if (next.done !== true) {
          batch = next.value;
          return controller.enqueue(encoder.encode(piece()));
        }
        close();
        return controller.close();
      },
      async cancel() {
        close();
        await source.return(undefined);
      },
    },
    { highWaterMark: 1 },
  );
  return new Response(body, { headers });
}

/** The wire form of one event. */
export function frame(event: SseEvent): string {
  const id = event.id === undefined ? '' : `id: ${event.id}\n`;
  return `${id}event: ${event.event}\ndata: ${event.data}\n\n`;
}

async function within<T>(work: Promise<T>, ms: number): Promise<T | 'silent'> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<'silent'>((resolve) => {
    timer = setTimeout(resolve, ms, 'silent');
  });
  return Promise.race([work, silence]).finally(() => clearTimeout(timer));
}
