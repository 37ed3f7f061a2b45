/** Commit objects as `git cat-file --batch` prints them. */

export interface CommitRow {
  readonly id: string;
  readonly parents: readonly string[];
  readonly authorName: string;
  readonly authorEmail: string;
  readonly committerName: string;
  /** Of the commit, seconds since the epoch. */
  readonly atSeconds: number;
  readonly message: string;
}

/** Characters of a message that are shown. */
const messageLength = 8192;

export function parseCommits(output: Buffer): CommitRow[] {
  const rows: CommitRow[] = [];
  for (let at = 0; at < output.length; ) {
    const line = output.indexOf(10, at);
    const [id = '', type = '', size = '0'] = output.toString('latin1', at, line).split(' ');
    const start = line + 1;
    const end = start + Number(size);
    if (type === 'commit') rows.push(parseCommit(id, output.toString('utf8', start, end)));
    at = end + 1;
  }
  return rows;
}

function parseCommit(id: string, text: string): CommitRow {
  const cut = text.indexOf('\n\n');
  const lines = (cut < 0 ? text : text.slice(0, cut)).split('\n');
  const valueOf = (key: string): string =>
    lines.find((line) => line.startsWith(`${key} `))?.slice(key.length + 1) ?? '';
  const author = parseIdentity(valueOf('author'));
  const committer = parseIdentity(valueOf('committer'));
  return {
    id,
    parents: lines.filter((line) => line.startsWith('parent ')).map((line) => line.slice('parent '.length)),
    authorName: author.name,
    authorEmail: author.email,
    committerName: committer.name,
    atSeconds: committer.at,
    message: cut < 0 ? '' : text.slice(cut + 2, cut + 2 + messageLength),
  };
}

function parseIdentity(text: string): { name: string; email: string; at: number } {
  const [, name = '', email = '', at = '0'] = /^(.*?) ?<([^>]*)> (\d+)/s.exec(text) ?? [];
  return { name, email, at: Number(at) };
}
