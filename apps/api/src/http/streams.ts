/**
 * How many event streams are open, the one place they are closed from when the server stops, and where a reader that takes nothing any more
 * is cut off: what a connection holds in the kernel is given back too.
 */

import { Inject, Injectable } from '@nestjs/common';
import { Log } from '@sallyport/service/log';
import { CONFIG } from '@sallyport/service/start';
import type { ApiEnv } from '../config.ts';
import { tooManyStreams } from '../faults.ts';
import type { ApiContext } from './endpoint.ts';
import { type SseBatch, sseResponse } from './sse.ts';

const heartbeatMs = 15_000;
/** Time to read why the stream ends. */
const lastWordMs = 5_000;

@Injectable()
export class Streams {
  private readonly open = new Set<AbortController>();

  constructor(
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: ApiEnv,
  ) {}

  /** Milliseconds after which a reader's right is checked again. */
  get recheckMs(): number {
    return this.config.SALLY_API_RECHECK_MS;
  }

  get size(): number {
    return this.open.size;
  }

  /** A server-sent event stream over a source that ends when its signal does. */
  respond(c: ApiContext, make: (signal: AbortSignal) => AsyncGenerator<SseBatch>): Response {
    if (this.open.size >= this.config.SALLY_API_STREAMS) throw tooManyStreams(this.config.SALLY_API_STREAMS);
    const control = new AbortController();
    this.open.add(control);
    const onClose = (): void => {
      this.open.delete(control);
      control.abort();
    };
    const onStall = (): void => {
      this.log.info({ path: c.req.path, open: this.open.size }, 'a reader took nothing any more and is cut off');
      setTimeout(() => c.env.outgoing.destroy(), lastWordMs).unref();
    };
    return sseResponse(make(control.signal), {
      heartbeatMs,
      stallMs: this.config.SALLY_API_STALL_MS,
      onStall,
      onClose,
    });
  }

  closeAll(): void {
    for (const control of this.open) control.abort();
  }
}
