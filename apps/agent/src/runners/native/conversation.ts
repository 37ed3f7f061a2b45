/** A conversation without the accent of any provider; each dialect writes it in its own. */

export interface Call {
  readonly id: string;
  readonly name: string;
  /** Arguments as the model wrote them: JSON text, or what should have been. */
  readonly arguments: string;
  /** What the provider wants back with the call, unread; only the dialect that got it knows what it is. */
  readonly signature?: string;
}

export interface CallResult {
  readonly call: string;
  readonly ok: boolean;
  readonly text: string;
}

export type Message =
  | { readonly role: 'user'; readonly text: string }
  | { readonly role: 'assistant'; readonly text: string; readonly calls: readonly Call[] }
  | { readonly role: 'results'; readonly results: readonly CallResult[] };

/** A tool as it is offered: the parameters are a JSON schema of an object. */
export interface ToolOffer {
  readonly name: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Everything one model call is made of. */
export interface Question {
  readonly model: string;
  readonly system: string;
  readonly messages: readonly Message[];
  readonly tools: readonly ToolOffer[];
}

/** Why the model stopped; `cut` means that it ran into a limit of its own, `refused` that it declined. */
export type StopReason = 'done' | 'calls' | 'cut' | 'refused';

/** A piece of an answer as it arrives. Without an `end` the answer is not whole. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'thinking'; readonly text: string }
  | { readonly kind: 'call'; readonly call: Call }
  | { readonly kind: 'usage'; readonly input: number; readonly output: number }
  | { readonly kind: 'end'; readonly stop: StopReason };
