/** Git's tree object: entries sorted as git sorts them, a folder as if its name ended in a slash. */

export interface TreeEntry {
  readonly mode: number;
  /** Latin1, a character per byte. */
  readonly name: string;
  readonly oid: string;
}

const folderMode = 0o040000;

const sortKey = (entry: TreeEntry): string => (entry.mode === folderMode ? `${entry.name}/` : entry.name);

export function encodeTree(entries: readonly TreeEntry[]): Buffer {
  const keyed = entries.map((entry) => ({ key: sortKey(entry), entry }));
  keyed.sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0));
  return Buffer.concat(
    keyed.flatMap(({ entry }) => [
      Buffer.from(`${entry.mode.toString(8)} ${entry.name}\0`, 'latin1'),
      Buffer.from(entry.oid, 'hex'),
    ]),
  );
}
