/** The header of a git bundle (gitformat-bundle), versions 2 and 3. */

import { badBundle, refUnknown } from '../faults.ts';
import { isObjectId, isRefName, isWellFormedRef } from './git-dir.ts';

export interface BundleHeader {
  /** Object id by ref name. */
  readonly refs: ReadonlyMap<string, string>;
  /** Where the pack starts. */
  readonly packAt: number;
}

/** A header longer than this is refused. */
export const headerBytes = 1024 * 1024;

/** @throws Fault `workspace.bundle` for a thin, filtered, foreign-hash or malformed bundle, or one with a ref git would refuse. */
export function parseBundle(start: Buffer): BundleHeader {
  const end = start.indexOf('\n\n');
  if (end < 0) throw badBundle('no header');
  const [signature, ...lines] = start.toString('utf8', 0, end).split('\n');
  if (signature !== '# v2 git bundle' && signature !== '# v3 git bundle') throw badBundle('no signature');
  const refs = new Map<string, string>();
  for (const line of lines) {
    if (line.startsWith('-')) throw badBundle('it needs commits it does not hold');
    if (line.startsWith('@')) {
      if (line !== '@object-format=sha1') throw badBundle('a capability that is not taken');
      continue;
    }
    const [oid = '', name = '', ...rest] = line.split(' ');
    if (!isObjectId(oid) || rest.length > 0 || !isWellFormedRef(name)) throw badBundle('a malformed ref');
    // Anything else, like the HEAD of another worktree, is no name a person would ask for.
    if (name === 'HEAD' || isRefName(name)) refs.set(name, oid);
  }
  return { refs, packAt: end + 2 };
}

export interface ChosenRef {
  readonly oid: string;
  readonly branch: string;
}

/** The ref asked for, by full or short name, or HEAD; and the branch name the workspace gets. */
export function chooseRef({ refs }: BundleHeader, asked: string): ChosenRef {
  const names = asked === '' ? ['HEAD'] : [asked, `refs/heads/${asked}`, `refs/tags/${asked}`];
  const name = names.find((it) => refs.has(it));
  const oid = name === undefined ? undefined : refs.get(name);
  if (name === undefined || oid === undefined) throw refUnknown([...refs.keys()].slice(0, 20).join(', '));
  if (name.startsWith('refs/heads/')) return { oid, branch: name.slice('refs/heads/'.length) };
  const same = [...refs]
    .filter(([ref, id]) => id === oid && ref.startsWith('refs/heads/'))
    .map(([ref]) => ref.slice('refs/heads/'.length));
  return { oid, branch: same.find((it) => it === 'main' || it === 'master') ?? same[0] ?? 'main' };
}
