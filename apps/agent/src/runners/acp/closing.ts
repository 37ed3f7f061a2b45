/** An agent's closing word for a prompt: why it stopped, or the error it answered with. */

import type { Closing } from '../cli/evidence.ts';
import { record, shown, text } from '../cli/line-fields.ts';

/** By the reason of the protocol; one that nobody knows is no success. */
export function closingOfStop(reason: string): Closing {
  switch (reason) {
    case 'end_turn':
      return { kind: 'done' };
    case 'max_turn_requests':
      return { kind: 'budget', message: 'the agent used up the turns it may take' };
    case 'max_tokens':
      return { kind: 'failed', message: 'the answer of the model was cut' };
    case 'refusal':
      return { kind: 'failed', message: 'the model declined' };
    default:
      return { kind: 'failed', message: `the agent stopped with ${reason || 'no reason'}` };
  }
}

const isStatus = (value: unknown): value is number => typeof value === 'number' && value >= 400 && value < 600;

/** HTTP statuses have their own numbers; an agent that passes one on says where the trouble is. */
export function closingOfError(error: {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}): Closing {
  const data = record(error.data);
  const details = text(data['details']) || text(data['message']) || (error.data === undefined ? '' : shown(error.data));
  const message = details === '' || details === error.message ? error.message : `${error.message}: ${details}`;
  const status = [error.code, data['status'], data['statusCode'], data['code']].find(isStatus);
  if (status === undefined) return { kind: 'failed', message };
  return { kind: 'model', message, status, denied: message.includes('sally-deny') };
}
