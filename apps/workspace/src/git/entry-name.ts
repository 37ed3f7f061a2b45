/**
 * Names that some git, on some file system, would take for its own.
 *
 * The rules are git's (`is_hfs_dotgit`, `is_ntfs_dotgit`): HFS+ ignores some code points, NTFS ignores trailing dots and spaces, has
 * short names and alternate streams, and takes a backslash for a separator.
 */

/** Code points that HFS+ drops when it compares names. */
const hfsIgnorable = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

/** The forms a path component has on other file systems. */
export function disguises(name: string): readonly string[] {
  const lower = name.toLowerCase();
  const ntfs = lower.split('\\').map((part) => part.replace(/:.*$/s, '').replace(/[ .]+$/, ''));
  return [lower.replace(hfsIgnorable, ''), ...ntfs];
}

const isReserved = (name: string): boolean =>
  name === '' || name === '.' || name === '..' || disguises(name).some((it) => it === '.git' || it === 'git~1');

/** Whether a path may stand in a tree: relative, and no part of it is `.git` or a step to anywhere. */
export const isStorablePath = (path: string): boolean =>
  !path.includes('\0') && path.split('/').every((part) => !isReserved(part));
