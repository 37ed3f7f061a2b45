/** Servers that are not ours, kept up: started again when they die unasked. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { canListen, freePort } from '@sallyport/bus/free-port';
import type { Seeds } from '@sallyport/bus/nats-server';
import { NatsServer } from '@sallyport/bus/nats-server';
import type { TeamAccount } from '@sallyport/bus/teams';

/** A server that the launcher starts again when it dies unasked. */
export interface KeptServer {
  readonly url: string;
  pid(): number | undefined;
  stop(): Promise<void>;
}

interface Server {
  /** Its exit code, once it has ended. */
  readonly exited: Promise<number | null>;
  stop(): Promise<void>;
}

export interface Kept<S extends Server> {
  /** The one that runs now. */
  current(): S;
  stop(): Promise<void>;
}

const restartMs = 100;

/** Keeps a server up that has been started; `again` starts its successor. Nothing runs any more once `stop` has resolved. */
export function keepUp<S extends Server>(first: S, again: () => Promise<S>, onRestart: (why: string) => void): Kept<S> {
  let server = first;
  let stopping = false;
  const watch = async (): Promise<void> => {
    let why = `exit ${await server.exited}`;
    while (!stopping) {
      onRestart(why);
      await pause(restartMs);
      if (stopping) return;
      try {
        server = await again();
        // The stop came while it was being started.
        if (stopping) return await server.stop();
        why = `exit ${await server.exited}`;
      } catch (error) {
        why = error instanceof Error ? error.message : String(error);
      }
    }
  };
  const watching = watch();
  return {
    current: () => server,
    stop: async () => {
      stopping = true;
      await server.stop();
      await watching;
    },
  };
}

/** The port a file holds; 0 when there is none to read. */
function portIn(file: string): number {
  try {
    const port = Number(readFileSync(file, 'utf8'));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : 0;
  } catch {
    return 0;
  }
}

/** Starts NATS and keeps it up on one port: that of the last start when it is free, so that platform teams find it where it was. */
export async function keepNats(
  directory: string,
  seeds: Seeds,
  teams: () => readonly TeamAccount[],
  onRestart: (why: string) => void,
): Promise<KeptServer> {
  await endLeftover(join(directory, 'nats.pid'), directory);
  const file = join(directory, 'port');
  const last = portIn(file);
  const port = (await canListen(last)) ? last : await freePort();
  const first = await NatsServer.start({ directory, seeds, port, teams: teams() });
  writeFileSync(file, `${port}\n`, { mode: 0o600 });
  const kept = keepUp(first, () => NatsServer.start({ directory, seeds, port, teams: teams() }), onRestart);
  return { url: first.url, pid: () => kept.current().child.pid, stop: () => kept.stop() };
}

/**
 * Ends a server that an earlier launcher left behind when it was killed. Only a process whose command line names this very
 * directory is touched.
 */
export async function endLeftover(pidFile: string, marker: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  const pid = Number(readText(pidFile)?.split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 1) return;
  const ours = (): boolean => readText(`/proc/${pid}/cmdline`)?.includes(marker) === true;
  if (!ours()) return;
  process.kill(pid, signal);
  for (let waited = 0; waited < 5_000 && ours(); waited += 50) await new Promise((resolve) => setTimeout(resolve, 50));
  if (ours()) process.kill(pid, 'SIGKILL');
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
