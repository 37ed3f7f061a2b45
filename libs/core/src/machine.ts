/**
 * State machines as data: a table from state to event to next state.
 *
 * A machine has no effects and no clock. A target that is not a state, or an event nobody has, does not compile.
 */

type Transitions = { readonly [state: string]: { readonly [event: string]: string } };

type EventsOf<Table> = { [S in keyof Table]: keyof Table[S] & string }[keyof Table];

export interface Machine<Table extends Transitions> {
  readonly table: Table;
  readonly states: readonly (keyof Table & string)[];
  /** The state after an event, or undefined when the table has no such move. */
  next(state: keyof Table & string, event: EventsOf<Table>): (keyof Table & string) | undefined;
  /** Events that are legal in a state. */
  allowed(state: keyof Table & string): readonly EventsOf<Table>[];
  /** Whether nothing leads out of a state. */
  isTerminal(state: keyof Table & string): boolean;
  /** The table as a Mermaid state diagram, for READMEs; specs compare the two. */
  toMermaid(): string;
}

export type StateOf<M> = M extends Machine<infer Table> ? keyof Table & string : never;
export type EventOf<M> = M extends Machine<infer Table> ? EventsOf<Table> : never;

/** Defines a machine from its table. */
export function defineMachine<
  const Table extends { readonly [S in keyof Table]: Readonly<Record<string, keyof Table & string>> },
>(table: Table): Machine<Table> {
  type State = keyof Table & string;
  const rows = table as { readonly [state: string]: Readonly<Record<string, State>> };
  const states = Object.keys(table) as State[];
  return {
    table,
    states,
    next: (state, event) => rows[state]?.[event],
    allowed: (state) => Object.keys(rows[state] ?? {}) as EventsOf<Table>[],
    isTerminal: (state) => Object.keys(rows[state] ?? {}).length === 0,
    toMermaid: () => {
      const lines = states.flatMap((state) => {
        const moves = Object.entries(rows[state] ?? {}).map(([event, to]) => `  ${state} --> ${to}: ${event}`);
        return moves.length > 0 ? moves : [`  ${state} --> [*]`];
      });
      return ['stateDiagram-v2', ...lines].join('\n');
    },
  };
}
