/** Takes in what is said to the workloads of this edge; only the scheduler may say it, and only on a workload's own subject. */

import { Injectable } from '@nestjs/common';
import { answer } from '@sallyport/bus/ask';
import { Bus } from '@sallyport/bus/connection';
import { unitIn } from '@sallyport/bus/subject';
import { type Input, InputReceiptSchema, InputSchema } from '@sallyport/contracts/unit/v1/input';
import type { LiveWorkload } from '../workloads/live-workload.ts';
import { orgOf } from '../workloads/workload.ts';

@Injectable()
export class ReceiveInputs {
  constructor(private readonly bus: Bus) {}

  /** Listens for one workload until the answer is called. */
  open(live: LiveWorkload): () => void {
    const { id } = live.record;
    const subject = unitIn(orgOf(live.record), id);
    const subscription = answer(this.bus, subject, InputSchema, InputReceiptSchema, (input) => {
      // Nothing is promised for what can no longer be handed over.
      if (live.gone.signal.aborted) return undefined;
      return { input: input.id, refused: hold(live, input) };
    });
    return () => subscription.stop();
  }
}

function hold(live: LiveWorkload, input: Input): string {
  const { record } = live;
  if (input.dispatch !== record.id || input.run !== record.unit.run) return 'input_foreign';
  if (live.ending.signal.aborted) return 'dispatch_ending';
  const answered = live.inputs.hold(input);
  if (answered !== 'held') return answered;
  live.touch();
  return '';
}
