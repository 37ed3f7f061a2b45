/** What the scheduler and the process that evaluates expressions say to each other. */

/** `yes`: the event is wanted. `no`: it is not, or the expression does not apply to it. `costly`: it took too long or too much to tell. */
export type Verdict = 'yes' | 'no' | 'costly';

/** The part of an event that expressions see. */
export interface Judged {
  readonly type: string;
  readonly source: string;
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly dataContentType: string;
  readonly data: Uint8Array;
}

export type Ask =
  | { readonly kind: 'judge'; readonly event: Judged; readonly expressions: readonly string[] }
  | { readonly kind: 'check'; readonly expressions: readonly string[] };

/** About the expression at `index`: a verdict, or for a check what is wrong with it, empty when nothing is. */
export interface Told {
  readonly index: number;
  readonly said: string;
}

/** Names an expression may use. */
export const variables: readonly string[] = ['data', 'type', 'source', 'subject', 'time'];
