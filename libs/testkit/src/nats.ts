/** A real NATS server with the product's own users and permissions. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '@sallyport/bus/connection';
import { NatsServer, newSeeds, type Seeds } from '@sallyport/bus/nats-server';
import type { TeamAccount } from '@sallyport/bus/teams';
import type { Caller } from '@sallyport/core/access';

export interface TestBus {
  readonly url: string;
  readonly seeds: Seeds;
  /** Holds the server's configuration. */
  readonly directory: string;
  readonly pid: number;
  /** Connects as a bus user; closed with the server. */
  connect(caller: Caller): Promise<Bus>;
  /** A file that holds the seed of a user, as a service is given it. */
  seedFile(caller: Caller): string;
  /** Kills the server as a crash would. */
  stopServer(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a server on a free port, with accounts of platform teams when some are given. */
export async function testBus(teams: readonly TeamAccount[] = []): Promise<TestBus> {
  const directory = mkdtempSync(join(tmpdir(), 'sally-nats-'));
  const seeds = newSeeds();
  const server = await NatsServer.start({ directory, seeds, port: 0, teams });
  const open: Bus[] = [];
  return {
    url: server.url,
    seeds,
    directory,
    pid: server.child.pid ?? 0,
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
