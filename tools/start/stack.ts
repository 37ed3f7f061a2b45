/** The whole stack on one machine: started in order, kept up, ended in the reverse order. */

import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Caller } from '@sallyport/core/access';
import { Fault } from '@sallyport/core/fault';
import { chooseBucket } from './bucket.ts';
import { type Database, keepDatabase } from './database.ts';
import { type Layout, prepareLayout } from './layout.ts';
import { takeLock } from './lock.ts';
import { repository, type StartOptions } from './options.ts';
import { SupervisedProcess } from './process.ts';
import { openSecrets, type Secrets } from './secrets.ts';
import { type KeptServer, keepNats } from './servers.ts';
import { processSpec, services } from './services.ts';
import { ensureTeamStreams, readTeams } from './teams.ts';

export interface Stack {
  readonly layout: Layout;
  readonly secrets: Secrets;
  readonly url: string;
  readonly natsUrl: string;
  readonly modelUrl: string;
  /** Process ids by name, `postgres` and `nats` among them. */
  pids(): Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

/** What the machine decides about a stack. */
export interface StackMachine {
  /** Variables of the runtime that name its substrates. */
  readonly substrates: Readonly<Record<string, string>>;
}

export interface StackListener {
  /** A step of the start, with the time it took. */
  step(name: string, tookMs: number): void;
  /** Something died and is started again. */
  restarted(name: string, why: string): void;
  /** Something is not as it should be, and does not keep the product from starting. */
  noted(what: string): void;
}

/** Milliseconds a service gets to end by itself; the whole stop stays under five seconds. */
const graceMs = 3_000;

/** Starts everything; on failure ends what had started. */
export async function startStack(
  options: StartOptions,
  listener: StackListener,
  { substrates }: StackMachine,
): Promise<Stack> {
  const url = `http://${options.host}:${options.port}`;
  const layout = prepareLayout(options.data);
  const unlock = takeLock(layout.lock, url);
  const undo: (() => Promise<void> | void)[] = [unlock];
  const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    const result = await work();
    listener.step(name, performance.now() - started);
    return result;
  };
  try {
    await assertPortFree(options);
    const bucket = await chooseBucket(layout, options.bucket);
    const secrets = openSecrets(layout.secrets, layout.data);
    const [database, nats] = await Promise.all([
      step('postgres', () =>
        keepDatabase(layout, secrets, services, (why) => listener.restarted('postgres', why)),
      ).then((kept) => {
        undo.push(() => kept.stop());
        return kept;
      }),
      step('nats', () =>
        keepNats(
          layout.nats,
          secrets.seeds,
          () => readTeams(layout),
          (why) => listener.restarted('nats', why),
        ),
      ).then((kept) => {
        undo.push(() => kept.stop());
        return kept;
      }),
    ]);
    await ensureTeamStreams(layout, nats.url, ({ org, environment, name }, why) =>
      listener.noted(`team ${name} of ${org}/${environment} has no stream to read from: ${why}`),
    );
    const model = modelProcess(layout, options);
    const around = {
      bucket,
      layout,
      secrets,
      options,
      natsUrl: nats.url,
      substrates,
      databaseUrl: (service: Caller) => database.url(service),
    };
    const children = [
      ...services.map((name) => new SupervisedProcess(processSpec(name, around), process.execPath)),
      model.process,
    ];
    undo.push(() => Promise.all(children.map((child) => child.stop(graceMs))).then(() => undefined));
    for (const child of children) child.onRestart((name, why) => listener.restarted(name, why));
    await step('services', () => Promise.all(children.map((child) => child.start())));
    return {
      layout,
      secrets,
      url,
      natsUrl: nats.url,
      modelUrl: model.url,
      pids: () => pidsOf(children, database, nats),
      stop: () => unwind(undo),
    };
  } catch (error) {
    await unwind(undo);
    throw error;
  }
}

/** The scripted model is a stranger to the stack: a plain process that answers on the port next to the API. */
function modelProcess(
  layout: Layout,
  options: StartOptions,
): { readonly url: string; readonly process: SupervisedProcess } {
  const port = modelPort(options);
  const argv = [
    join(repository, 'tools', 'scripted-model', 'src', 'main.ts'),
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
  ];
  const spec = {
    name: 'scripted-model',
    argv,
    env: { PATH: process.env['PATH'] ?? '' },
    log: join(layout.logs, 'scripted-model.log'),
    verbose: options.verbose,
  };
  return { url: `http://127.0.0.1:${port}`, process: new SupervisedProcess(spec, process.execPath) };
}

const modelPort = (options: StartOptions): number => (options.port === 65_535 ? options.port - 1 : options.port + 1);

async function assertPortFree(options: StartOptions): Promise<void> {
  for (const [host, port] of [
    [options.host, options.port],
    ['127.0.0.1', modelPort(options)],
  ] as const) {
    await new Promise<void>((resolve, reject) => {
      const probe = createServer();
      probe.once('error', (error: NodeJS.ErrnoException) => reject(portFault(host, port, error)));
      probe.listen(port, host, () => probe.close(() => resolve()));
    });
  }
}

function portFault(host: string, port: number, error: NodeJS.ErrnoException): Fault {
  if (error.code === 'EADDRINUSE') {
    return new Fault(
      'already_exists',
      'start.port_taken',
      `another program listens on ${host}:${port}; end it, or choose other ports with --port N (the API takes N, the scripted model N+1)`,
      { port: String(port) },
    );
  }
  return new Fault(
    'failed_precondition',
    'start.port_refused',
    `cannot listen on ${host}:${port} (${error.code ?? error.message}); choose another address with --host or port with --port`,
    { port: String(port) },
  );
}

function pidsOf(
  children: readonly SupervisedProcess[],
  database: Database,
  nats: KeptServer,
): Readonly<Record<string, number>> {
  const all = [
    ...children.map((child) => [child.spec.name, child.pid] as const),
    ['postgres', database.pid()] as const,
    ['nats', nats.pid()] as const,
  ];
  return Object.fromEntries(all.flatMap(([name, pid]) => (pid === undefined ? [] : [[name, pid]])));
}

async function unwind(undo: (() => Promise<void> | void)[]): Promise<void> {
  while (undo.length > 0) await undo.pop()?.();
}
