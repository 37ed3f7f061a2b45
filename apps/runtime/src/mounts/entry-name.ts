/**
 * Names that some git, on some file system, would take for its own: they are never stored, whatever the case or disguise.
 *
 * The rules are git's (`is_hfs_dotgit`, `is_ntfs_dotgit` in path.c and utf8.c): HFS+ ignores some code points, NTFS ignores trailing
 * dots and spaces, has short names and alternate streams, and takes a backslash for a separator. Names are latin1 strings, a
 * character per byte.
 */

/** Code points that HFS+ drops when it compares names. */
const hfsIgnorable = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

function disguises(name: string): readonly string[] {
  const text = Buffer.from(name, 'latin1').toString('utf8').toLowerCase();
  const parts = text.split('\\');
  return [text.replace(hfsIgnorable, ''), ...parts.map((part) => part.replace(/:.*$/s, '').replace(/[ .]+$/, ''))];
}

/** Most names: every disguise of `.git` spells it, or needs a code point outside ASCII. */
const isPlain = (name: string): boolean => /^[\x20-\x7e]*$/.test(name) && !/git/i.test(name);

/** Whether a path component is `.git` to anyone. */
export const isGitDirName = (name: string): boolean =>
  !isPlain(name) && disguises(name).some((it) => it === '.git' || it === 'git~1');

export type GitFile = 'gitmodules' | 'gitattributes';

/** NTFS short names: six letters and a number, or the hashed form that follows when those are taken. */
const shortNames: Readonly<Record<GitFile, RegExp>> = {
  gitmodules: /^(?:gitmod~[1-4]|gi7e?b?a?~\d+)$/,
  gitattributes: /^(?:gitatt~[1-4]|gi7d?2?9?~\d+)$/,
};

/** Which of git's own control files a path component is to anyone. */
export function gitFileOf(name: string): GitFile | undefined {
  const forms = disguises(name);
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
