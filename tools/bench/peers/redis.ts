/** A Redis server of its own for a peer, with every write on disk before it is answered. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@sallyport/bus/free-port';

export interface Redis {
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts one and answers when it takes connections; needs `redis-server` on the path (Debian: apt-get install redis-server). */
export async function startRedis(): Promise<Redis> {
  const directory = mkdtempSync(join(tmpdir(), 'sally-redis-'));
  const port = await freePort();
  const flags = ['--bind', '127.0.0.1', '--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
  const child = spawn('redis-server', ['--port', String(port), '--dir', directory, ...flags], { stdio: 'ignore' });
  const failed = once(child, 'error').then(([error]) => {
    throw new Error('redis-server could not be started; apt-get install redis-server', { cause: error });
  });
  await Promise.race([listening(child, port), failed]);
  failed.catch(() => undefined);
  return {
    port,
    stop: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  while (child.exitCode === null) {
    const socket = connect(port, '127.0.0.1');
    const up = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('redis-server ended');
}
