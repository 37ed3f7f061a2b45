/**
 * Names of a captured tree that are never stored, whatever the case or disguise. A name is a latin1 string, a character per byte.
 */

import { disguises, isGitDirName as isGitDir } from '@sallyport/store/git-name';

const decoded = (name: string): string => Buffer.from(name, 'latin1').toString('utf8');

/** Most names: every disguise of `.git` spells it, or needs a code point outside ASCII. */
const isPlain = (name: string): boolean => /^[\x20-\x7e]*$/.test(name) && !/git/i.test(name);

/** Whether a path component is `.git` to anyone. */
export const isGitDirName = (name: string): boolean => !isPlain(name) && isGitDir(decoded(name));

export type GitFile = 'gitmodules' | 'gitattributes';

/** NTFS short names: six letters and a number, or the hashed form that follows when those are taken. */
const shortNames: Readonly<Record<GitFile, RegExp>> = {
  gitmodules: /^(?:gitmod~[1-4]|gi7e?b?a?~\d+)$/,
  gitattributes: /^(?:gitatt~[1-4]|gi7d?2?9?~\d+)$/,
};

/** Which of git's own control files a path component is to anyone. */
export function gitFileOf(name: string): GitFile | undefined {
  const forms = disguises(decoded(name));
  const kinds: readonly GitFile[] = ['gitmodules', 'gitattributes'];
  return kinds.find((kind) => forms.some((it) => it === `.${kind}` || shortNames[kind].test(it)));
}

/** What makes a control file one that strict git refuses, and with it every object sent along. */
export function isUnsafeGitFile(kind: GitFile, content: Buffer): boolean {
  if (kind === 'gitattributes')
    return content
      .toString('latin1')
      .split('\n')
      .some((line) => line.length >= 2048);
  const text = content.toString('utf8');
  return /\r(?!\n|$)/.test(text) || text.split('\n').some((line) => unsafeModuleLine.test(line));
}

/** A url or path that starts with a dash or hides a control character, a name that climbs, an update that runs a command. */
const unsafeModuleLine =
  /^\s*(?:(?:url|path)\s*=\s*"?\s*-|(?:url|path)\s*=.*(?:%0a|\\[nr]|(?![\t\n\r])\p{Cc})|update\s*=\s*"?\s*!|\[\s*submodule\s+"(?:.*[/\\])?\.\.(?:[/\\].*)?"\s*\])/iu;
