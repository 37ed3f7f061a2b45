/** A provider's key, put in as a person does it, and the files it turns up in. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repository } from '../start/options.ts';

/** Throws when the launcher's own command refuses it. */
export async function putCredential(data: string, name: string, key: string, origin: string): Promise<void> {
  const command = [join(repository, 'tools/start/credential.ts'), 'set', name, '--origin', origin, '--data', data];
  const child = spawn(process.execPath, command, { stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin.end(key);
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`npm run credential ended with ${code}`);
}

/** Every file below a folder that holds these bytes. One that is gone meanwhile holds nothing. */
export async function filesHolding(folder: string, text: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const found: string[] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    if (bytes.includes(text)) found.push(path);
  }
  return found;
}
