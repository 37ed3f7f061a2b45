/** Which versions of runc have known ways out of a container (T62). Pure. */

/** First version of each line without CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881. */
const mended: readonly (readonly [number, number, number])[] = [
  [1, 2, 8],
  [1, 3, 3],
  [1, 4, 0],
];

/** What is wrong with a version; undefined when nothing is known to be. One that is not told counts as open. */
export function holesOf(version: string | undefined): string | undefined {
  if (version === undefined) return 'the engine does not say which runc it uses';
  const [, major, minor, patch] = /^v?(\d+)\.(\d+)\.(\d+)(?!-rc)/.exec(version) ?? [];
  const known = 'CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881';
  if (major === undefined) return `runc ${version} may be open to ${known}`;
  const [a, b, c] = [Number(major), Number(minor), Number(patch)];
  const line = mended.find(([x, y]) => x === a && y === b);
  const isMended = line === undefined ? a > 1 || (a === 1 && b > 4) : c >= line[2];
  return isMended ? undefined : `runc ${version} is open to ${known}`;
}
