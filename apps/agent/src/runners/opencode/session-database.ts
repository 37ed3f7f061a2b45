/** opencode's conversations are rows of one SQLite database below HOME. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Turn } from '../cli/adapter.ts';

const folder = '.local/share/opencode';

export const database = {
  folder,
  path: `${folder}/opencode.db`,
  /** What was written last and is not in the database yet. */
  log: `${folder}/opencode.db-wal`,
} as const;

/** Loaded when it is needed, since hardly any sandbox needs it. */
function open(home: string): DatabaseSync | undefined {
  const path = join(home, database.path);
  return existsSync(path) ? new (process.getBuiltinModule('node:sqlite').DatabaseSync)(path) : undefined;
}

/** Makes one file of the database and its log, without the room that is free in it. */
export function gatherDatabase(home: string): Promise<void> {
  return using(home, (db) => {
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    db.exec('VACUUM');
  });
}

/** A conversation goes on in the directory that its row names; whoever restores it works somewhere of his own. */
export function adoptDatabase({ home, native, directory }: Turn): Promise<void> {
  return using(home, (db) => {
    db.prepare('UPDATE session SET directory = ?, path = ? WHERE id = ?').run(
      directory,
      directory.replace(/^\//, ''),
      native ?? '',
    );
  });
}

/** A database that cannot be opened or has another shape stays as it is: the program has the last word on it. */
function using(home: string, work: (db: DatabaseSync) => void): Promise<void> {
  try {
    const db = open(home);
    try {
      if (db !== undefined) work(db);
    } finally {
      db?.close();
    }
  } catch {
    // Both files are kept as they are.
  }
  return Promise.resolve();
}
