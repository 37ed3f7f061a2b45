/** What the platform says to a dispatch under way, read from the canonical JSON of `runner.v1.AwaitControlResponse`. */

/** One thing said; the oneof of `unit.v1.Input`. */
export type Input = { readonly id: string } & (
  | { readonly kind: 'text'; readonly text: string }
  /** Names the input to end; empty means whichever is worked on. */
  | { readonly kind: 'cancel'; readonly target: string }
  | { readonly kind: 'leave' }
);

export interface Control {
  /** End the runner and the dispatch. */
  readonly stop: boolean;
  readonly inputs: readonly Input[];
  /** Number of the last of them; 0 when there is none. */
  readonly last: number;
}

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

function inputOf(value: unknown): Input[] {
  const { id, text, cancel, leave } = record(value);
  if (typeof id !== 'string') return [];
  if (typeof text === 'string') return [{ id, kind: 'text', text }];
  if (typeof cancel === 'string') return [{ id, kind: 'cancel', target: cancel }];
  return typeof leave === 'object' ? [{ id, kind: 'leave' }] : [];
}

/** Never fails: what has no sense is left out, and counts as taken over. */
export function controlOf(answer: unknown): Control {
  const json = record(answer);
  const inputs = Array.isArray(json['inputs']) ? (json['inputs'] as unknown[]) : [];
  const first = Number(json['first'] ?? 0);
  return {
    stop: json['stop'] === true,
    inputs: inputs.flatMap(inputOf),
    last: inputs.length === 0 || !Number.isSafeInteger(first) ? 0 : first + inputs.length - 1,
  };
}
