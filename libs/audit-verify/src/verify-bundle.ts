/** Verifies an export bundle offline, from nothing but its bytes and what the reader already trusts. */

import { openBundle } from './bundle-source.ts';
import { checkManifest } from './check-manifest.ts';
import { checkTree } from './check-tree.ts';
import { openCheckpoint } from './checkpoint.ts';
import { Broken, exitCodes, type Finding, type Verdict } from './finding.ts';
import { parseVkey } from './note.ts';
import { type Notes, Rules } from './rules.ts';

/** What the reader already trusts. */
export interface VerifyOptions {
  /** Verifier key of the log, got by another way than the bundle. */
  readonly logKey?: string;
  /** A checkpoint of this log seen earlier, as its signed note. */
  readonly since?: string;
}

/** The verdict over a bundle. */
export interface Report {
  readonly verdict: Verdict;
  /** 0 ok, 2 tamper, 3 incomplete, 4 policy violation, 5 untrusted key. */
  readonly exit: number;
  readonly bundle: string;
  readonly origin: string | undefined;
  readonly size: number | undefined;
  /** Lower-case hex. */
  readonly root: string | undefined;
  readonly checkpoints: number;
  readonly key: { readonly vkey: string; readonly from: 'reader' | 'bundle' } | undefined;
  /** First is worst; empty when the verdict is ok. */
  readonly findings: readonly Finding[];
  readonly notes: Notes;
}

const noNotes: Notes = { orphans: [], openRuns: [], pending: [], late: { count: 0, firstIndex: undefined } };

/** Judges the bundle at a path. Never throws for what is in the bundle; every defect is a finding. */
export function verifyBundle(path: string, options: VerifyOptions = {}): Report {
  const empty = { bundle: path, origin: undefined, size: undefined, root: undefined, checkpoints: 0, key: undefined };
  try {
    return judge(path, options);
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    const { finding } = error;
    return {
      ...empty,
      verdict: finding.verdict,
      exit: exitCodes[finding.verdict],
      findings: [finding],
      notes: noNotes,
    };
  }
}

function judge(path: string, options: VerifyOptions): Report {
  const trusted = options.logKey === undefined ? undefined : parseVkey(options.logKey.trim());
  if (options.logKey !== undefined && trusted === undefined) {
    throw new Broken({ verdict: 'untrusted_key', what: 'malformed_key', file: '--log-key' });
  }
  const source = openBundle(path);
  try {
    const checked = checkManifest(source, trusted);
    const since = options.since === undefined ? undefined : openCheckpoint(options.since, checked.key);
    if (typeof since === 'string') throw new Broken({ verdict: 'untrusted_key', what: since, file: '--since' });
    const rules = new Rules();
    const walked = checkTree(source, checked, since, (event, index) => rules.take(event, index));
    const { findings, notes } = rules.finish();
    const verdict: Verdict = findings.length === 0 ? 'ok' : 'policy';
    return {
      verdict,
      exit: exitCodes[verdict],
      bundle: path,
      origin: checked.key.name,
      size: walked.size,
      root: walked.root.toString('hex'),
      checkpoints: checked.manifest.checkpoints.length,
      key: { vkey: checked.key.vkey, from: trusted === undefined ? 'bundle' : 'reader' },
      findings,
      notes,
    };
  } finally {
    source.close();
  }
}
