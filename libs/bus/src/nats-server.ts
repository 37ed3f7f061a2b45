/** A NATS server of our own: one user per service, JetStream in a directory. Works with server 2.9 and later. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createUser, fromSeed } from '@nats-io/nkeys';
import { type Caller, callers } from '@sallyport/core/access';
import { Fault } from '@sallyport/core/fault';
import { accountBlock } from './permissions.ts';
import { type TeamAccount, teamBytes, writeTeamAccounts } from './teams.ts';

/** A seed per bus user. */
export type Seeds = Readonly<Record<Caller, string>>;

/** Fresh seeds for every bus user. */
export const newSeeds = (): Seeds =>
  Object.fromEntries(callers.map((caller) => [caller, new TextDecoder().decode(createUser().getSeed())])) as Record<
    Caller,
    string
  >;

const publicKeys = (seeds: Seeds): Record<Caller, string> =>
  Object.fromEntries(
    callers.map((caller) => [caller, fromSeed(new TextEncoder().encode(seeds[caller])).getPublicKey()]),
  ) as Record<Caller, string>;

export interface NatsOptions {
  /** Holds the configuration and the JetStream store. */
  readonly directory: string;
  readonly seeds: Seeds;
  /** 0 takes any free port. */
  readonly port: number;
  readonly binary?: string;
  /** Accounts of platform teams. */
  readonly teams?: readonly TeamAccount[];
}

/** A running server. */
export class NatsServer {
  readonly url: string;
  readonly child: ChildProcess;
  readonly #exited: Promise<number | null>;

  private constructor(url: string, child: ChildProcess, exited: Promise<number | null>) {
    this.url = url;
    this.child = child;
    this.#exited = exited;
  }

  /** Starts the server and waits until it listens. */
  static async start(options: NatsOptions): Promise<NatsServer> {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    clearPortFiles(options.directory);
    writeTeamAccounts(options.directory, options.teams ?? []);
    const config = join(options.directory, 'nats.conf');
    writeFileSync(config, configuration(options), { mode: 0o600 });
    const child = spawn(options.binary ?? 'nats-server', ['-c', config], {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const said: string[] = [];
    child.stderr.on('data', (chunk: Buffer) => {
      said.push(chunk.toString());
      if (said.length > 200) said.shift();
    });
    const failed = new Promise<never>((_, reject) => {
      child.once('error', (error) =>
        reject(
          new Fault(
            'failed_precondition',
            'bus.nats_missing',
            'nats-server is not on PATH; install it (Debian: apt-get install nats-server)',
            {},
            { cause: error },
          ),
        ),
      );
    });
    const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    const ended = exited.then((): never => {
      const last = said.join('').trim().split('\n').slice(-3).join(' | ');
      throw new Fault('unavailable', 'bus.nats_start', `nats-server did not start: ${last}`, {
        directory: options.directory,
      });
    });
    const url = await Promise.race([untilListening(options.directory), failed, ended]);
    ended.catch(() => undefined);
    return new NatsServer(url, child, exited);
  }

  /** Resolves with the exit code when the server ends, for whatever cause. */
  get exited(): Promise<number | null> {
    return this.#exited;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.child.kill(signal);
    await this.#exited;
  }
}

/** Bytes the services' own streams may take, and the teams that find room beside them; disk is taken as it is used. */
const ownBytes = 4 * 1024 ** 3;
const maxTeams = 200;

/** Where a server says which process it is. */
export const pidFile = (directory: string): string => join(directory, 'nats.pid');

const configuration = (options: NatsOptions): string => `listen: "127.0.0.1:${options.port === 0 ? -1 : options.port}"
ports_file_dir: ${JSON.stringify(options.directory)}
pid_file: ${JSON.stringify(pidFile(options.directory))}
max_payload: 2MB
write_deadline: "5s"
authorization { timeout: 15 }
jetstream { store_dir: ${JSON.stringify(join(options.directory, 'jetstream'))}, max_memory_store: 64MB, max_file_store: ${ownBytes + maxTeams * teamBytes} }
accounts {
${accountBlock(publicKeys(options.seeds))}  include ./teams.conf
}
`;

const portFiles = (directory: string): string[] => readdirSync(directory).filter((name) => name.endsWith('.ports'));

function clearPortFiles(directory: string): void {
  for (const name of portFiles(directory)) rmSync(join(directory, name));
}

async function untilListening(directory: string): Promise<string> {
  for (;;) {
    const [name] = portFiles(directory);
    const ports = name === undefined ? undefined : parsePorts(join(directory, name));
    if (ports !== undefined) return ports;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function parsePorts(path: string): string | undefined {
  try {
    const parsed = JSON.parse(readFileSync(path, 'utf8')) as { nats?: string[] };
    return parsed.nats?.[0];
  } catch {
    return undefined;
  }
}
