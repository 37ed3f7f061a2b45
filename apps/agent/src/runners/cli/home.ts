/** Files of a program's HOME: what it finds there, and what of it makes up a conversation. */

import { mkdir, open, readdir, readFile, unlink } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import type { SessionEntry } from '../../sessions/session-file.ts';
import { systemCode } from '../../system-error.ts';
import type { HomeFile } from './adapter.ts';

/** Throws a plain Error for a path that leads out of HOME. */
function inside(home: string, path: string): string {
  const clean = normalize(path);
  if (clean.startsWith('/') || clean === '.' || clean.split('/').includes('..')) {
    throw new Error(`${path} is not below HOME`);
  }
  return join(home, clean);
}

/** Replaces what is there; a link in the place of a file is removed rather than followed. */
export async function writeHome(home: string, files: readonly HomeFile[]): Promise<void> {
  for (const { path, data, mode = 0o600 } of files) {
    const target = inside(home, path);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await unlink(target).catch((error: unknown) => {
      if (systemCode(error) !== 'ENOENT') throw error;
    });
    const file = await open(target, 'wx', mode);
    try {
      await file.writeFile(data);
    } finally {
      await file.close();
    }
  }
}

/** Files below a folder of HOME that are wanted, in the order of their paths; a folder that is not there holds none. Links are left out. */
export async function readHome(
  home: string,
  folder: string,
  wanted: (path: string) => boolean,
): Promise<SessionEntry[]> {
  const found: SessionEntry[] = [];
  const visit = async (path: string): Promise<void> => {
    const entries = await readdir(join(home, path), { withFileTypes: true }).catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return [];
      throw error;
    });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const below = join(path, entry.name);
      if (entry.isDirectory()) await visit(below);
      else if (entry.isFile() && wanted(below)) found.push({ path: below, data: await readFile(join(home, below)) });
    }
  };
  await visit(normalize(folder));
  return found;
}
