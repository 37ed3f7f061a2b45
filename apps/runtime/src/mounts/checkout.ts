/** A tree into an existing empty directory, with the stat data of every file kept for the capture. */

import { lchownSync, lstatSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { cleanGit } from '@sallyport/store/clean-git';
import { parseIndex, restampIndex } from './git-index.ts';
import { mountCheckout } from './mount-faults.ts';

/** Milliseconds git may take for the largest tree. */
const timeoutMs = 300_000;

/** Milliseconds of calls between two turns of the event loop. */
const sliceMs = 8;

export interface Checkout {
  readonly gitDir: string;
  readonly tree: string;
  readonly target: string;
  /** Where the index goes; a file of an earlier try is replaced. */
  readonly index: string;
  readonly uid?: number | undefined;
}

/**
 * One git process writes index and files. Runs while the sandbox is gated, so nobody else writes into the target; attributes of the
 * tree have no effect because the git-dir's own override them.
 */
export async function checkOut(checkout: Checkout): Promise<void> {
  const { gitDir, tree, target, index } = checkout;
  await mkdir(dirname(index), { recursive: true, mode: 0o700 });
  await rm(index, { force: true });
  const done = await cleanGit({
    gitDir,
    args: [
      '-c',
      'core.bare=false',
      '-c',
      'checkout.workers=2',
      `--work-tree=${target}`,
      'read-tree',
      '--reset',
      '-u',
      tree,
    ],
    env: { GIT_INDEX_FILE: index },
    timeoutMs,
  });
  if (done.code !== 0) throw mountCheckout('check the commit out', done.stderr);
  if (checkout.uid !== undefined && checkout.uid !== process.getuid?.()) await handOver(checkout, checkout.uid);
}

/**
 * Gives every file and folder to the sandbox's user; the index learns the change times this makes. Synchronous in slices: two
 * calls into the kernel's memory for each file, and a thread for each would take ten times as long.
 */
async function handOver(checkout: Checkout, uid: number): Promise<void> {
  const bytes = await readFile(checkout.index);
  const { entries } = parseIndex(bytes);
  const folders = new Set<string>(['']);
  for (const path of entries.keys()) {
    for (let cut = path.lastIndexOf('/'); cut > 0; cut = path.lastIndexOf('/', cut - 1))
      folders.add(path.slice(0, cut));
  }
  const changed = new Map<string, bigint>();
  let sliceStart = performance.now();
  for (const path of [...entries.keys(), ...folders]) {
    const file = Buffer.concat([Buffer.from(`${checkout.target}/`), Buffer.from(path, 'latin1')]);
    lchownSync(file, uid, uid);
    if (entries.has(path)) changed.set(path, lstatSync(file, { bigint: true }).ctimeNs);
    if (performance.now() - sliceStart < sliceMs) continue;
    await breathe();
    sliceStart = performance.now();
  }
  await writeFile(checkout.index, restampIndex(bytes, changed));
}
