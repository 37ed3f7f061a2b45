/** Where what was fetched or built is kept between runs, outside the tree. */

import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A folder of the cache, made when it is missing. */
export function cacheFolder(name = ''): string {
  const folder = join(homedir(), '.cache', 'sallyport', name);
  mkdirSync(folder, { recursive: true });
  return folder;
}
