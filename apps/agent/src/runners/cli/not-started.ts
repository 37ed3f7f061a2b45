/** A turn that is over before its program was started: why, and what the supervisor is told of it. */

import type { Emit, Outcome } from '../runner.ts';
import { type Judgement, judge } from './evidence.ts';
import { preflight } from './preflight.ts';

/** A start that cannot be made sense of, or a machine that cannot do it. */
export class NotStarted extends Error {
  override readonly name = 'NotStarted';
  readonly judgement: Judgement;

  constructor(judgement: Judgement) {
    super(judgement.message);
    this.judgement = judgement;
  }
}

export const refuse = (reason: string, message: string): NotStarted =>
  new NotStarted({ verdict: 'VERDICT_RUNNER_ERROR', reason, message });

/** Throws NotStarted when the model or the disk would keep a program from its work. */
export async function startable(
  turn: { readonly modelUrl: string; readonly home: string },
  signal: AbortSignal,
): Promise<void> {
  const trouble = await preflight(turn, signal);
  if (trouble === undefined) return;
  const exit = { kind: 'exited', code: 1 } as const;
  throw new NotStarted(judge({ exit, forced: undefined, closing: trouble, reply: '', refusedLast: false }));
}

/** Never rejects: what `drive` throws becomes the turn's outcome, and a stop counts as one whatever it threw. */
export async function startedOr(drive: () => Promise<Outcome>, emit: Emit, signal: AbortSignal): Promise<Outcome> {
  try {
    return await drive();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const judgement: Judgement = signal.aborted
      ? { verdict: 'VERDICT_CANCELLED' }
      : error instanceof NotStarted
        ? error.judgement
        : { verdict: 'VERDICT_RUNNER_ERROR', reason: 'runner.internal', message };
    await tell(judgement, emit);
    return { verdict: judgement.verdict, reply: '', exitCode: 1 };
  }
}

export async function tell({ reason, message = '' }: Judgement, emit: Emit): Promise<void> {
  // A failing emit is the supervisor's to see.
  if (reason !== undefined) await emit({ error: { reason, message } }).catch(() => undefined);
}
