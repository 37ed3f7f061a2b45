/** What a verifier may have to say, and the exit code of each kind. */

/** Closed list of verdicts; the value is the process exit code. */
export const exitCodes = { ok: 0, tamper: 2, incomplete: 3, policy: 4, untrusted_key: 5 } as const;

export type Verdict = keyof typeof exitCodes;

/** One thing that is wrong. */
export interface Finding {
  readonly verdict: Exclude<Verdict, 'ok'>;
  /** Stable word for what is wrong: `hash_mismatch`, `seq_gap`, `outcome_without_intent`. */
  readonly what: string;
  /** File of the bundle it was found in. */
  readonly file: string;
  /** Position in the log, when one event is to blame. */
  readonly index?: number;
  /** Ids and values that help to find it. */
  readonly detail?: string;
}

/** Ends verification: what follows cannot be judged. */
export class Broken extends Error {
  override readonly name = 'Broken';
  readonly finding: Finding;

  constructor(finding: Finding) {
    super(`${finding.what}: ${finding.file}`);
    this.finding = finding;
  }
}

/** Something is not as it was signed. */
export const tamper = (
  what: string,
  file: string,
  more: { readonly index?: number; readonly detail?: string } = {},
): Broken => new Broken({ verdict: 'tamper', what, file, ...more });
