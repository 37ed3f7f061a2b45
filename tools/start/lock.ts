/** One stack per data folder: a lock that dies with its holder. */

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Fault } from '@sallyport/core/fault';

interface Holder {
  readonly pid: number;
  /** Kernel start time of the process, so that a reused pid is not taken for the holder. */
  readonly started: string;
  readonly url: string;
}

/** Takes the lock; a running holder is a Fault that says where it answers. */
export function takeLock(file: string, url: string): () => void {
  const holder = readHolder(file);
  if (holder !== undefined && startTime(holder.pid) === holder.started) {
    throw new Fault(
      'already_exists',
      'start.running',
      `Sallyport already runs on this data folder (process ${holder.pid}, ${holder.url}). Use it, or end it first with: kill ${holder.pid}`,
      { url: holder.url },
    );
  }
  const own: Holder = { pid: process.pid, started: startTime(process.pid) ?? '', url };
  writeFileSync(file, JSON.stringify(own), { mode: 0o600 });
  return () => rmSync(file, { force: true });
}

function readHolder(file: string): Holder | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

/** Field 22 of `/proc/<pid>/stat`, proc(5). */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
