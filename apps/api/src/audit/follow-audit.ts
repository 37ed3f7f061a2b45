/**
 * The audit log from a sequence on. The bus only says that there is more; the events themselves are read from the log
 * with the reader's own authority, so the order is the log's and nothing is missed.
 */

import type { Event } from '@sallyport/contracts/audit/v1/audit';
import { Bell } from '../http/bell.ts';
import type { Listening } from '../live.ts';

export interface AuditSource {
  page(
    fromSeq: bigint,
    pageSize: number,
  ): Promise<{ readonly events: readonly Event[]; readonly nextSeq: bigint; readonly end: boolean }>;
  /** Sequence the next event will have, or one shortly before it. */
  now(): Promise<bigint>;
  onGrowth(listener: () => void): Listening;
}

export interface FollowAuditOptions {
  readonly from: bigint;
  readonly signal: AbortSignal;
  readonly recheckMs: number;
}

export async function* followAudit(source: AuditSource, options: FollowAuditOptions): AsyncGenerator<readonly Event[]> {
  const bell = new Bell();
  const growth = source.onGrowth(() => bell.ring());
  options.signal.addEventListener('abort', () => bell.ring(), { once: true });
  try {
    await growth.ready;
    let from = options.from;
    while (!options.signal.aborted) {
      const page = await source.page(from, 500);
      if (page.events.length > 0) yield page.events;
      from = page.nextSeq > from ? page.nextSeq : from;
      if (page.end) await bell.wait(options.recheckMs);
    }
  } finally {
    growth.stop();
  }
}
