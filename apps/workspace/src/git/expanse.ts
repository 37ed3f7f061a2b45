/**
 * How much a tree becomes where it is checked out.
 *
 * A tree names objects, so ten trees of ten that name each other stand for as many files as one likes in a few kilobytes; only
 * counting what they unfold to says what an edge would have to hold.
 */

import { startGit } from '@sallyport/store/clean-git';
import { objectsRefused, tooLarge } from '../faults.ts';

/** Files and folders of one checkout; as many as an edge takes back. */
export const maxEntries = 500_000;

/** Bytes of one checkout. */
export const maxCheckoutBytes = 16 * 1024 ** 3;

/** Milliseconds for the largest tree that is let through, many times over. */
const timeoutMs = 120_000;

export interface Expanse {
  readonly gitDir: string;
  /** A commit or tree the git-dir has. */
  readonly of: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Counts until it is told or the limit is passed. @throws Fault `workspace.too_large`, or `workspace.objects_refused`. */
export async function checkExpanse({ gitDir, of, env }: Expanse): Promise<void> {
  const child = startGit({ gitDir, args: ['ls-tree', '-r', '-t', '-l', '-z', of], timeoutMs, ...(env && { env }) });
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', resolve);
    child.once('error', () => resolve(null));
  });
  child.stdin.on('error', () => undefined).end();
  child.stderr.resume();
  let entries = 0;
  let bytes = 0;
  try {
    let rest = '';
    for await (const chunk of child.stdout) {
      const lines = (rest + (chunk as Buffer).toString('latin1')).split('\0');
      rest = lines.pop() ?? '';
      for (const line of lines) bytes += Number(/^\S+ \S+ \S+ +(\d+)\t/.exec(line)?.[1] ?? 0);
      entries += lines.length;
      if (entries > maxEntries) throw tooLarge('the number of files and folders in a checkout', maxEntries);
      if (bytes > maxCheckoutBytes) throw tooLarge('a checkout', maxCheckoutBytes);
    }
  } finally {
    child.kill('SIGKILL');
  }
  if ((await ended) !== 0) throw objectsRefused('links');
}
