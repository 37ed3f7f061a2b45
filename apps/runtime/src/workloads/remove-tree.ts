/** Removes a folder that a sandbox could write to, whatever it made of it. */

import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

/**
 * Removes a path and everything below it; one that does not exist is removed already. Follows no link.
 *
 * Node removes by path, which ends where a path is longer than the kernel takes or a folder is closed to its owner. What is left then
 * goes by descriptor, as coreutils does it.
 *
 * @throws what `rm` says when something stays.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    // What it cannot open shows as what `rm` then leaves behind.
    await run('chmod', ['-R', 'u+rwX', '--', path], { env }).catch(() => undefined);
    await run('rm', ['-rf', '--', path], { env });
  }
}
