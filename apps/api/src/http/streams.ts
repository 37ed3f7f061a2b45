/** How many event streams are open, and the one place they are closed from when the server stops. */

import { Inject, Injectable } from '@nestjs/common';
import { CONFIG } from '@sallyport/service/start';
import type { ApiEnv } from '../config.ts';
import { tooManyStreams } from '../faults.ts';
import { type SseEvent, sseResponse } from './sse.ts';

const heartbeatMs = 15_000;

@Injectable()
export class Streams {
  private readonly open = new Set<AbortController>();

  constructor(@Inject(CONFIG) private readonly config: ApiEnv) {}

  /** Milliseconds of silence after which a reader's right is checked again. */
  get recheckMs(): number {
    return this.config.SALLY_API_RECHECK_MS;
  }

  get size(): number {
    return this.open.size;
  }

  /** A server-sent event stream over a source that ends when its signal does. */
  respond(make: (signal: AbortSignal) => AsyncGenerator<readonly SseEvent[]>): Response {
    if (this.open.size >= this.config.SALLY_API_STREAMS) throw tooManyStreams(this.config.SALLY_API_STREAMS);
    const control = new AbortController();
    this.open.add(control);
    const onClose = (): void => {
      this.open.delete(control);
      control.abort();
    };
    return sseResponse(make(control.signal), { heartbeatMs, onClose });
  }

  closeAll(): void {
    for (const control of this.open) control.abort();
  }
}
