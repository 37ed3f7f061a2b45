/** Rows of `git ls-tree -z -l`. */

export interface TreeRow {
  readonly path: string;
  readonly mode: string;
  readonly object: string;
  readonly size: bigint;
}

/** Whole rows only; a piece at the end of a cut output is left out. */
export function parseTreeEntries(output: Buffer, prefix: string): TreeRow[] {
  const rows: TreeRow[] = [];
  let at = 0;
  for (let end = output.indexOf(0, at); end >= 0; end = output.indexOf(0, at)) {
    const row = output.toString('utf8', at, end);
    const tab = row.indexOf('\t');
    const [mode = '', , object = '', size = '-'] = row.slice(0, tab).split(/ +/);
    rows.push({ path: `${prefix}${row.slice(tab + 1)}`, mode, object, size: size === '-' ? 0n : BigInt(size) });
    at = end + 1;
  }
  return rows;
}
