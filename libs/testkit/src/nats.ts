/** A real NATS server with the product's own users and permissions. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '@sallyport/bus/connection';
import { NatsServer, newSeeds, type Seeds } from '@sallyport/bus/nats-server';
import type { Caller } from '@sallyport/core/access';

export interface TestBus {
  readonly url: string;
  readonly seeds: Seeds;
  /** Connects as a bus user; closed with the server. */
  connect(caller: Caller): Promise<Bus>;
  /** A file that holds the seed of a user, as a service is given it. */
  seedFile(caller: Caller): string;
  /** Kills the server as a crash would. */
  stopServer(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a server on a free port. */
export async function testBus(): Promise<TestBus> {
  const directory = mkdtempSync(join(tmpdir(), 'sally-nats-'));
  const seeds = newSeeds();
  const server = await NatsServer.start({ directory, seeds, port: 0 });
  const open: Bus[] = [];
  return {
    url: server.url,
    seeds,
    connect: async (caller) => {
      const bus = await Bus.connect({ url: server.url, caller, seed: seeds[caller] });
      open.push(bus);
      return bus;
    },
    seedFile: (caller) => {
      const path = join(directory, `${caller}.seed`);
      writeFileSync(path, seeds[caller], { mode: 0o600 });
      return path;
    },
    stopServer: () => server.stop('SIGKILL'),
    close: async () => {
      await Promise.all(open.map((bus) => (bus.connected ? bus.close() : bus.nats.close())));
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
