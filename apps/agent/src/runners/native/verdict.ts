/** The verdict from what happened. */

import type { Verdict } from '../../event.ts';
import type { StopReason } from './conversation.ts';
import type { Trouble } from './model-trouble.ts';

/** How the loop came to its end. */
export type Ending =
  | { readonly kind: 'answered'; readonly stop: StopReason }
  | { readonly kind: 'turns_used' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'trouble'; readonly trouble: Trouble }
  | { readonly kind: 'defect' };

export function verdictOf(ending: Ending): Verdict {
  switch (ending.kind) {
    case 'answered':
      // A message that ran into a limit or was declined is not an end the model chose.
      return ending.stop === 'cut' || ending.stop === 'refused' ? 'VERDICT_FAILED' : 'VERDICT_SUCCEEDED';
    case 'turns_used':
      return 'VERDICT_BUDGET_EXHAUSTED';
    case 'stopped':
      return 'VERDICT_CANCELLED';
    case 'trouble':
      if (ending.trouble.reason === 'model.denied') return 'VERDICT_BLOCKED';
      return ending.trouble.again ? 'VERDICT_RUNNER_ERROR' : 'VERDICT_FAILED';
    case 'defect':
      return 'VERDICT_RUNNER_ERROR';
  }
}
