/** Which of an agent's tools a role allows, by the kinds that the protocol has for them. */

import type { Line } from '../cli/adapter.ts';
import { list, record, text } from '../cli/line-fields.ts';

/** Our names for each kind; any of them allows it. A kind that is not here is allowed by its own name or the tool's. */
const behind: Readonly<Record<string, readonly string[]>> = {
  read: ['read_file'],
  edit: ['write_file', 'edit_file'],
  delete: ['bash'],
  move: ['bash'],
  search: ['list_files'],
  execute: ['bash'],
};

/** What is known of a call: its kind, and what its agent calls the tool. */
export interface Called {
  readonly kind: string;
  readonly tool: string;
}

/** A role that names no tools allows all: the sandbox is the boundary. */
export const isAllowed = (tools: readonly string[], { kind, tool }: Called): boolean =>
  tools.length === 0 ||
  (tool !== '' && tools.includes(tool)) ||
  (behind[kind] ?? [kind]).some((name) => name !== '' && tools.includes(name));

type Answer =
  | { readonly outcome: { readonly outcome: 'cancelled' } }
  | { readonly outcome: { readonly outcome: 'selected'; readonly optionId: string } };

const cancelled: Answer = { outcome: { outcome: 'cancelled' } };

/** The option for this once, else the one for good; without either the question is cancelled, which no agent takes for a yes. */
export function answerOf(request: Line, allowed: boolean): Answer {
  const wanted = allowed ? ['allow_once', 'allow_always'] : ['reject_once', 'reject_always'];
  const options = list(request['options']).map(record);
  const chosen = wanted.map((kind) => options.find((option) => option['kind'] === kind)).find(Boolean);
  const optionId = text(chosen?.['optionId']);
  return optionId === '' ? cancelled : { outcome: { outcome: 'selected', optionId } };
}
