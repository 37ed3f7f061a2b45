/** The started product under test: the real entrypoint in a process of its own, on a data folder and ports of its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '@sallyport/bus/connection';
import { freePort } from '@sallyport/bus/free-port';
import type { Caller } from '@sallyport/core/access';
import { repository } from '../start/options.ts';
import { Rest } from '../start/rest.ts';

interface Ready {
  readonly ready?: string;
  readonly pids?: Readonly<Record<string, number>>;
}

export interface RunView {
  readonly id: string;
  readonly state: string;
  readonly reason: string;
  readonly message: string;
  readonly verdict?: string;
  readonly exit_code?: number;
  readonly reply: string;
  readonly dispatch: string;
  readonly commits: readonly {
    readonly workspace: string;
    readonly commit: string;
    readonly files: number;
    readonly refused?: Readonly<Record<string, string>>;
  }[];
}

export interface EventView {
  readonly type: string;
  readonly seq?: number;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface AuditView {
  readonly kind: string;
  readonly subject: string;
  readonly actors: readonly string[];
}

/** A text field of an event; empty when it has none. */
export const textOf = (event: EventView, field: string): string => {
  const value = event.data[field];
  return typeof value === 'string' ? value : '';
};

const terminal: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled', 'skipped']);
/** How long a test waits for a start, and for the end of a run; both cost time only where they do not come. */
const startMs = 200_000;
const endMs = 200_000;

/** A port for the API, with the one after it for the scripted model. */
export const portForStack = (): Promise<number> => freePort(2);

export class StartedStack {
  readonly data: string;
  readonly port: number;
  readonly rest: Rest;
  /** Profile that this machine can hold: `best-effort` where nobody may write a cgroup. */
  readonly profile: string;
  readonly #child: ChildProcess;
  readonly #output: string[];
  #pids: Readonly<Record<string, number>>;
  readonly #open: Bus[] = [];

  private constructor(
    data: string,
    port: number,
    child: ChildProcess,
    output: string[],
    pids: Readonly<Record<string, number>>,
    rest: Rest,
    profile: string,
  ) {
    this.data = data;
    this.port = port;
    this.#child = child;
    this.#output = output;
    this.#pids = pids;
    this.rest = rest;
    this.profile = profile;
    child.on('message', (message: Ready) => {
      if (message.pids !== undefined) this.#pids = message.pids;
    });
  }

  /** Starts without the demo and waits until it is ready; `as` makes of its command line that of somebody else. */
  static async start(
    options: {
      readonly data?: string;
      readonly port?: number;
      readonly env?: Readonly<Record<string, string>>;
      readonly as?: (command: readonly string[]) => readonly string[];
    } = {},
  ): Promise<StartedStack> {
    const data = options.data ?? mkdtempSync(join(tmpdir(), 'sally-e2e-'));
    const port = options.port ?? (await portForStack());
    const node = process.env['SALLY_TEST_NODE'] ?? process.execPath;
    const flags = ['--no-demo', '--data', data, '--port', String(port)];
    const command = [node, join(repository, 'tools/start/main.ts'), ...flags];
    const [program = node, ...argv] = options.as?.(command) ?? command;
    const child = spawn(program, argv, {
      cwd: repository,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, NODE_OPTIONS: '', ...options.env },
    });
    const output: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    const pids = await new Promise<Readonly<Record<string, number>>>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the stack did not become ready:\n${output.join('')}`)), startMs);
      child.once('exit', (code) => reject(new Error(`the stack ended with ${code}:\n${output.join('')}`)));
      child.on('message', (message: Ready) => {
        if (message.ready === undefined) return;
        clearTimeout(timer);
        resolve(message.pids ?? {});
      });
    });
    const rest = new Rest(`http://127.0.0.1:${port}`, readFileSync(join(data, 'token'), 'utf8').trim());
    const { profile } = await rest.get<{ readonly profile: string }>('/v1/roles/editor');
    return new StartedStack(data, port, child, output, pids, rest, profile);
  }

  /** Everything the launcher printed. */
  get output(): string {
    return this.#output.join('');
  }

  get launcherPid(): number {
    return this.#child.pid ?? 0;
  }

  /** Process ids by name, as they are now. */
  async pids(): Promise<Readonly<Record<string, number>>> {
    const fresh = new Promise((resolve) => this.#child.once('message', resolve));
    this.#child.send('pids');
    await fresh;
    return this.#pids;
  }

  /** Connects with the bus user of a service, as someone who stole its seed would. */
  async bus(caller: Caller): Promise<Bus> {
    const seed = readFileSync(join(this.data, 'secrets', `nats-${caller}.seed`), 'utf8').trim();
    const [ports = ''] = readdirSync(join(this.data, 'nats')).filter((name) => name.endsWith('.ports'));
    const { nats } = JSON.parse(readFileSync(join(this.data, 'nats', ports), 'utf8')) as { nats: readonly string[] };
    const bus = await Bus.connect({ url: nats[0] ?? '', caller, seed });
    this.#open.push(bus);
    return bus;
  }

  /** Accepts a run; answers it at once. */
  create(body: Readonly<Record<string, unknown>>): Promise<RunView> {
    return this.rest.post<RunView>('/v1/runs', body);
  }

  /** Whether the kernel limits a whole agent here. */
  get limited(): boolean {
    return this.profile === 'default';
  }

  /** A command in a sandbox, under the profile that holds here. */
  exec(argv: readonly string[], more: Readonly<Record<string, unknown>> = {}): Promise<RunView> {
    return this.create({ runner: 'exec', argv, task: argv.join(' '), profile: this.profile, ...more });
  }

  /** Waits for the end of a run. */
  async ended(id: string, withinMs = endMs): Promise<RunView> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const run = await this.rest.get<RunView>(`/v1/runs/${id}?wait=10s`);
      if (terminal.has(run.state)) return run;
      if (Date.now() > deadline)
        throw new Error(`run ${id} is still ${run.state} (${run.reason}) after ${withinMs} ms`);
    }
  }

  /** What the audit log says of a run, once it tells of each of these kinds: much of it comes by an outbox, a moment after what it tells of. */
  async audited(run: string, kinds: readonly string[]): Promise<readonly AuditView[]> {
    for (;;) {
      const { items } = await this.rest.get<{ items: readonly AuditView[] }>(`/v1/audit/events?run=${run}&limit=1000`);
      if (kinds.every((kind) => items.some((event) => event.kind === kind))) return items;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Every event of a run's output so far. */
  async events(id: string): Promise<readonly EventView[]> {
    const all: EventView[] = [];
    let path: string | undefined = `/v1/runs/${id}/events?limit=200&deltas=1`;
    while (path !== undefined) {
      const page: { items: readonly EventView[]; next_cursor?: string | null } = await this.rest.get(path);
      all.push(...page.items);
      // A run that goes on always has a next page; an empty one means that this is all there is so far.
      path =
        page.next_cursor && page.items.length > 0
          ? `/v1/runs/${id}/events?limit=200&deltas=1&cursor=${encodeURIComponent(page.next_cursor)}`
          : undefined;
    }
    return all;
  }

  /** What a run's processes wrote, both streams in order. */
  async written(id: string): Promise<string> {
    const events = await this.events(id);
    return events
      .flatMap((event) => (event.type === 'output' ? [Buffer.from(textOf(event, 'data'), 'base64').toString()] : []))
      .join('');
  }

  /** Waits until a run's processes wrote a word. */
  async wrote(id: string, word: string): Promise<void> {
    while (!(await this.written(id)).includes(word)) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  /** Ends it as Ctrl-C does; answers the exit code. */
  async stop(remove = true): Promise<number | null> {
    await Promise.all(this.#open.map((bus) => bus.close()));
    const code = await new Promise<number | null>((resolve) => {
      this.#child.once('exit', (value) => resolve(value));
      this.#child.kill('SIGINT');
    });
    if (remove) rmSync(this.data, { recursive: true, force: true });
    return code;
  }
}
