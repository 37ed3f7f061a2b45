/** Calls again while the other side is away; every call it is used for may be repeated without harm. */

import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '@sallyport/core/fault';

/** Milliseconds between tries: long enough for a service to be started again, short enough for a sandbox to wait. */
const pauses = [100, 250, 500, 1_000, 2_000, 4_000] as const;

/** An upload does not outlive the process that took it, so its sender begins again. */
const again: ReadonlySet<string> = new Set(['workspace.upload_unknown']);

/** @throws the last failure when the pauses are used up, or at once one that will not pass. */
export async function patiently<T>(work: () => Promise<T>, waits: readonly number[] = pauses): Promise<T> {
  for (const wait of waits) {
    try {
      return await work();
    } catch (error) {
      const passing =
        error instanceof Fault && (again.has(error.reason) || (error.retryable && error.code !== 'resource_exhausted'));
      if (!passing) throw error;
    }
    await pause(wait);
  }
  return await work();
}
