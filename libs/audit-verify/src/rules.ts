/**
 * What must hold between the events of an intact log. The rules look at what is there, not at the order in which services
 * got their events in: an event that rode in an outbox may stand behind one it precedes.
 */

import { type Event, Outcome } from '@sallyport/contracts/audit/v1/audit';
import type { Finding } from './finding.ts';
import { kinds } from './kinds.ts';

/** Clocks of two services may differ by this much, in milliseconds. */
export const skewMs = 5_000;

/** An event younger than this against the newest one may still wait in an outbox; what it lacks is pending, not wrong. */
export const settleMs = 30_000;

/** States of a run that nothing leads out of. */
const terminalStates: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled', 'skipped']);

/** Things to know that are no violation. */
export interface Notes {
  /** Ids of `egress.allow` events whose outcome is not in the log. */
  readonly orphans: readonly string[];
  /** Runs without a terminal transition. */
  readonly openRuns: readonly string[];
  /** Events that need another one which may still be on its way. */
  readonly pending: readonly string[];
  /** Events that stand more than the skew behind a later-stamped event of the same producer. */
  readonly late: { readonly count: number; readonly firstIndex: number | undefined };
}

interface Seen {
  readonly seq: number;
  readonly at: number;
  readonly kind: string;
  readonly run: string;
  readonly dispatch: string;
}

interface Need extends Seen {
  readonly id: string;
  readonly what: string;
  /** Key in `#facts` that satisfies it. */
  readonly key: string;
}

/** Reads a log in order and says what does not add up. */
export class Rules {
  readonly #findings: Finding[] = [];
  readonly #facts = new Set<string>();
  readonly #needs: Need[] = [];
  readonly #closed = new Set<string>();
  readonly #allows = new Map<string, Seen>();
  readonly #exchanged = new Set<string>();
  readonly #runs = new Map<string, { terminal: Seen | undefined }>();
  readonly #effects: Seen[] = [];
  readonly #newestBy = new Map<string, number>();
  #newest = 0;
  #late = 0;
  #firstLate: number | undefined;

  /** Takes the event at an index. */
  take(event: Event, index: number): void {
    const seen: Seen = {
      seq: index,
      at: Date.parse(event.time),
      kind: event.kind,
      run: event.run,
      dispatch: event.dispatch,
    };
    this.#takeId(event, seen);
    this.#takeTime(event, seen);
    this.#takeIntent(event, seen);
    this.#takeChain(event, seen);
    this.#takeRun(event, seen);
  }

  /** Findings and notes over everything taken. */
  finish(): { readonly findings: readonly Finding[]; readonly notes: Notes } {
    const pending: string[] = [];
    for (const need of this.#needs) {
      if (this.#facts.has(need.key)) continue;
      if (this.#newest - need.at < settleMs) pending.push(need.id);
      else this.#violation(need.what, need.seq, need.id);
    }
    for (const effect of this.#effects) {
      const terminal = this.#runs.get(effect.run)?.terminal;
      if (terminal !== undefined && effect.at > terminal.at + skewMs)
        this.#violation('effect_after_end', effect.seq, effect.run);
    }
    const findings = this.#findings.toSorted((a, b) => (a.index ?? 0) - (b.index ?? 0));
    return {
      findings,
      notes: {
        orphans: [...this.#allows.keys()].filter((id) => !this.#closed.has(id)),
        openRuns: [...this.#runs].filter(([, run]) => run.terminal === undefined).map(([id]) => id),
        pending,
        late: { count: this.#late, firstIndex: this.#firstLate },
      },
    };
  }

  #violation(what: string, index: number, detail: string): void {
    this.#findings.push({ verdict: 'policy', what, file: 'log', index, detail });
  }

  #takeId(event: Event, seen: Seen): void {
    if (this.#facts.has(`id ${event.id}`)) this.#violation('id_repeated', seen.seq, event.id);
    this.#facts.add(`id ${event.id}`);
    if (kinds.get(event.kind)?.producer !== event.producer) this.#violation('foreign_kind', seen.seq, event.id);
  }

  #takeTime(event: Event, seen: Seen): void {
    const newest = this.#newestBy.get(event.producer) ?? 0;
    if (seen.at < newest - skewMs) {
      this.#late += 1;
      this.#firstLate ??= seen.seq;
    }
    this.#newestBy.set(event.producer, Math.max(newest, seen.at));
    this.#newest = Math.max(this.#newest, seen.at);
  }

  /** Whoever lets a byte leave waits until its intent is durable, so here order counts. */
  #takeIntent(event: Event, seen: Seen): void {
    if (event.kind === 'egress.allow') this.#allows.set(event.id, seen);
    if (event.kind !== 'egress.outcome') {
      if (event.intent !== '')
        this.#needs.push({ ...seen, id: event.id, what: 'unknown_intent', key: `id ${event.intent}` });
      return;
    }
    const intent = this.#allows.get(event.intent);
    if (intent === undefined) this.#violation('outcome_without_intent', seen.seq, event.id);
    else if (intent.run !== event.run) this.#violation('outcome_of_another_run', seen.seq, event.id);
    else if (this.#closed.has(event.intent)) this.#violation('intent_closed_twice', seen.seq, event.intent);
    this.#closed.add(event.intent);
  }

  /** A dispatch acts on the strength of an exchange, an exchange on the strength of a launch. */
  #takeChain(event: Event, seen: Seen): void {
    const allowed = event.outcome === Outcome.ALLOW;
    if (event.kind === 'launch.authorized' && allowed) this.#facts.add(`launch ${event.run}`);
    if (event.kind === 'exchange.dispatch' && allowed) {
      this.#facts.add(`exchange ${event.dispatch}`);
      const attempt = `${event.dispatch} ${event.facts['epoch'] ?? ''}`;
      if (this.#exchanged.has(attempt)) this.#violation('exchanged_twice', seen.seq, attempt);
      this.#exchanged.add(attempt);
      this.#needs.push({ ...seen, id: event.id, what: 'exchange_without_launch', key: `launch ${event.run}` });
    }
    if (event.kind === 'egress.allow' || (event.kind === 'workspace.commit' && event.dispatch !== '')) {
      this.#needs.push({ ...seen, id: event.id, what: 'dispatch_without_exchange', key: `exchange ${event.dispatch}` });
    }
  }

  #takeRun(event: Event, seen: Seen): void {
    if (event.run === '') return;
    if (kinds.get(event.kind)?.part === 'effect' && event.outcome === Outcome.ALLOW) this.#effects.push(seen);
    if (event.kind === 'run.accepted' && !this.#runs.has(event.run)) this.#runs.set(event.run, { terminal: undefined });
    if (event.kind !== 'run.transition') return;
    const run = this.#runs.get(event.run) ?? { terminal: undefined };
    this.#runs.set(event.run, run);
    if (!terminalStates.has(event.facts['to'] ?? '')) return;
    if (run.terminal !== undefined) this.#violation('ended_twice', seen.seq, event.run);
    run.terminal ??= seen;
    if (event.facts['to'] === 'completed') {
      this.#needs.push({ ...seen, id: event.id, what: 'completed_without_launch', key: `launch ${event.run}` });
    }
  }
}
