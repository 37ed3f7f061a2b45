/** NATS, kept up: started again on the same port when it dies. Postgres likewise. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Seeds } from '@sallyport/bus/nats-server';
import { NatsServer } from '@sallyport/bus/nats-server';

/** A server that the launcher starts again when it dies unasked. */
export interface KeptServer {
  readonly url: string;
  pid(): number | undefined;
  stop(): Promise<void>;
}

const restartMs = 100;

/** Starts NATS and keeps it up. */
export async function keepNats(directory: string, seeds: Seeds, onRestart: (why: string) => void): Promise<KeptServer> {
  await endLeftover(join(directory, 'nats.pid'), directory);
  let server = await NatsServer.start({ directory, seeds, port: 0 });
  const port = Number(new URL(server.url).port);
  let stopping = false;
  const watch = async (watched: NatsServer): Promise<void> => {
    const code = await watched.exited;
    if (stopping) return;
    onRestart(`exit ${code}`);
    await new Promise((resolve) => setTimeout(resolve, restartMs));
    try {
      server = await NatsServer.start({ directory, seeds, port });
      void watch(server);
    } catch {
      void watch(watched);
    }
  };
  void watch(server);
  return {
    url: server.url,
    pid: () => server.child.pid,
    stop: () => {
      stopping = true;
      return server.stop();
    },
  };
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
