/**
 * Names that some git, on some file system, would take for its own.
 *
 * The rules are git's (`is_hfs_dotgit`, `is_ntfs_dotgit` in utf8.c and path.c): HFS+ ignores some code points, NTFS ignores trailing dots
 * and spaces, has short names and alternate streams, and takes a backslash for a separator.
 */

/** Code points that HFS+ drops when it compares names. */
const hfsIgnorable = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

/** The forms a path component has on other file systems, in lower case. */
export function disguises(name: string): readonly string[] {
  const lower = name.toLowerCase();
  const ntfs = lower.split('\\').map((part) => part.replace(/:.*$/s, '').replace(/[ .]+$/, ''));
  return [lower.replace(hfsIgnorable, ''), ...ntfs];
}

/** Whether a path component is `.git` to anyone. */
export const isGitDirName = (name: string): boolean => disguises(name).some((it) => it === '.git' || it === 'git~1');
