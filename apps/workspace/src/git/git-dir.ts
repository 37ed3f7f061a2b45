/** Bare git-dirs written by hand, so that no template of the machine comes along. */

import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inertAttributes } from '@sallyport/store/clean-git';

/** Makes an empty bare git-dir. */
export async function makeGitDir(gitDir: string): Promise<void> {
  for (const folder of ['objects/pack', 'objects/info', 'refs/heads', 'info']) {
    await mkdir(join(gitDir, folder), { recursive: true, mode: 0o700 });
  }
  await writeFile(join(gitDir, 'config'), '[core]\n\trepositoryformatversion = 0\n\tbare = true\n', { mode: 0o600 });
  await writeFile(join(gitDir, 'info', 'attributes'), inertAttributes, { mode: 0o600 });
  await writeFile(join(gitDir, 'HEAD'), 'ref: refs/heads/main\n', { mode: 0o600 });
}

/** Points the one branch, and HEAD at it. */
export async function pointHead(gitDir: string, branch: string, head: string): Promise<void> {
  const ref = join(gitDir, 'refs', 'heads', branch);
  await mkdir(dirname(ref), { recursive: true, mode: 0o700 });
  await replace(ref, `${head}\n`);
  await replace(join(gitDir, 'HEAD'), `ref: refs/heads/${branch}\n`);
}

async function replace(path: string, text: string): Promise<void> {
  const draft = `${path}.${crypto.randomUUID()}.lock`;
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, path);
}

/** Whether a text is a full object id. */
export const isObjectId = (text: string): boolean => /^[0-9a-f]{40}$/.test(text);

/** Whether a text is well-formed as a ref of any kind, `HEAD` and those of other worktrees among them (git-check-ref-format). */
export function isWellFormedRef(name: string): boolean {
  const wellFormed = name.split('/').every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'));
  return wellFormed && !/^-|\.\.|@\{|[\p{Cc} ~^:?*[\\]|\.$/u.test(name) && name.length <= 250;
}

/** Whether it is one below refs/. */
export const isRefName = (name: string): boolean => isWellFormedRef(name) && /^refs\/[^/]+\/./.test(name);
