/** Which transition an observed end is, with its reason and its words. Pure. */

import type { Fault } from '@sallyport/core/fault';
import { type Gone, stopReasonOf } from './verdict.ts';
import type { StopWord } from './workload.machine.ts';
import type { Ending } from './workload.ts';

export interface Ended {
  readonly event: 'fail' | 'exit' | 'vanish';
  readonly stopReason: StopWord;
  /** Stable word and a sentence. */
  readonly why: string;
}

export interface Circumstances {
  readonly gone: Gone;
  /** The wish under which it was stopping; undefined when nobody asked. */
  readonly ending: Ending | undefined;
  /** Whether its work had been handed over. */
  readonly ran: boolean;
  /** Whether there had been a sandbox at all. */
  readonly sandboxed: boolean;
  /** Whether every commit that was owed was made. */
  readonly captured: boolean;
  readonly startFault: Fault | undefined;
}

export function howItEnded(seen: Circumstances): Ended {
  if (seen.ending !== undefined) return stopping(seen, seen.ending);
  return seen.ran ? byItself(seen) : unstarted(seen);
}

const outOfMemory = (gone: Gone): boolean => gone.state === 'exited' && gone.oom;

function stopping({ gone, sandboxed }: Circumstances, { reason, why }: Ending): Ended {
  if (sandboxed && gone.state === 'lost') {
    return { event: 'vanish', stopReason: 'lost', why: 'lost: the sandbox vanished while it was being stopped' };
  }
  return { event: 'exit', stopReason: outOfMemory(gone) ? 'oom' : reason, why };
}

function unstarted({ gone, startFault }: Circumstances): Ended {
  const why =
    startFault === undefined
      ? 'start_failed: the supervisor ended before its work'
      : `${startFault.reason}: ${startFault.message}`;
  return { event: 'fail', stopReason: outOfMemory(gone) ? 'oom' : 'start_failed', why };
}

function byItself({ gone, captured }: Circumstances): Ended {
  const stopReason = stopReasonOf(gone);
  if (gone.state === 'lost') return { event: 'vanish', stopReason, why: 'lost: the sandbox vanished without a word' };
  if (stopReason === 'completed' && !captured) {
    return { event: 'exit', stopReason: 'failed', why: 'capture_failed: the work could not be committed' };
  }
  return { event: 'exit', stopReason, why: `exited: code ${gone.code}${gone.oom ? ', out of memory' : ''}` };
}
