/** One process for one prompt: the agent is greeted, given its session, asked, and ended. */

import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { ClientContext, ContentBlock } from '@agentclientprotocol/sdk';
import type { AgentEvent } from '../../event.ts';
import type { Line } from '../cli/adapter.ts';
import type { Closing, Evidence } from '../cli/evidence.ts';
import { killLeftovers, turnVariable } from '../cli/leftovers.ts';
import { record, text } from '../cli/line-fields.ts';
import { type Patience, Watchdogs } from '../cli/watchdogs.ts';
import { pour } from '../exec.ts';
import { clip } from '../native/tools/tool.ts';
import { type Exit, ProcessGroup } from '../process-group.ts';
import type { Emit } from '../runner.ts';
import { AcpClient } from './acp-client.ts';
import { closingOfError, closingOfStop } from './closing.ts';
import { messageStream } from './message-stream.ts';
import { isAllowed } from './permission.ts';
import { Places, Refused } from './places.ts';
import { Terminals } from './terminals.ts';
import { Updates } from './updates.ts';

export interface AcpTurnStart {
  readonly argv: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly tools: readonly string[];
  /** Folders whose files may be read and written for the agent. */
  readonly roots: readonly string[];
  /** Whether the agent can do with having its files read by us. */
  readonly readsFiles: boolean;
  readonly prompt: readonly ContentBlock[];
  /** The agent's own id of the session to go on with. */
  readonly native: string | undefined;
  readonly started: (agent: Line) => readonly AgentEvent[];
  readonly emit: Emit;
  readonly patience: Patience;
}

export interface AcpSeen extends Evidence {
  /** The session, when its agent can go on with it in another process. */
  readonly native: string | undefined;
  /** A call of a tool began. */
  readonly called: boolean;
}

/** Milliseconds an agent has to end its prompt by itself when it is told to. */
const cancelMillis = 500;
/** Milliseconds of silence after which everything has been told, and the most that it is waited for. */
const quietMillis = 300;
const tellingMillis = 5000;
/** Events that may wait to be taken while messages are still read. */
const backlog = 64;

export class AcpTurn {
  /** Never rejects. */
  readonly ended: Promise<AcpSeen>;
  private readonly start: AcpTurnStart;
  private readonly turn = randomUUID();
  private readonly dogs: Watchdogs;
  private readonly updates = new Updates();
  private readonly terminals = new Terminals();
  private readonly stopping = new AbortController();
  private readonly denied = new Set<string>();
  private group: ProcessGroup | undefined;
  private agent: ClientContext | undefined;
  private session: string | undefined;
  private canLoad = false;
  private closing: Closing | undefined;
  private refusedLast = false;
  private called = false;
  private said: Promise<void> = Promise.resolve();
  private waiting = 0;
  private messages = 0;

  constructor(start: AcpTurnStart) {
    this.start = start;
    this.dogs = new Watchdogs(start.patience, () => this.end());
    this.ended = this.follow();
  }

  stop(): void {
    this.dogs.force('stopped');
  }

  private async follow(): Promise<AcpSeen> {
    const exit = await this.run();
    this.dogs.stop();
    this.terminals.stopAll();
    await killLeftovers(this.turn).catch(() => 0);
    await this.said;
    const { closing, refusedLast, called, canLoad, session, updates } = this;
    // What an agent answered is what counts; how it goes when its pipe is closed is its own affair.
    const told: Exit = closing === undefined ? exit : { kind: 'exited', code: closing.kind === 'done' ? 0 : 1 };
    const native = canLoad ? session : undefined;
    return { exit: told, forced: this.dogs.forced, closing, reply: updates.reply, refusedLast, called, native };
  }

  private async run(): Promise<Exit> {
    const { argv, directory, env, emit } = this.start;
    try {
      this.group = new ProcessGroup({ argv, directory, env: { ...env, [turnVariable]: this.turn }, stdin: true });
    } catch {
      return { kind: 'failed', error: 'EINVAL' };
    }
    const { group } = this;
    const log = pour(group.stderr, 'STREAM_STDERR', emit).catch(() => group.kill());
    // An agent that cannot be talked to has gone, or is ended.
    await this.talk(group).catch(() => undefined);
    this.dogs.closed();
    group.stdin?.end();
    if (this.dogs.forced !== undefined) group.stop();
    const exit = await group.ended;
    await log;
    return exit;
  }

  private async talk(group: ProcessGroup): Promise<void> {
    const { stdin, stdout } = group;
    if (stdin === undefined) return;
    const sdk = await import('@agentclientprotocol/sdk');
    const stream = messageStream(
      { stdin, stdout: stdout as AsyncIterable<Buffer> },
      () => this.heard(),
      (line) => this.say([{ raw: { text: clip(line) } }]),
    );
    const client = this.client();
    const app = sdk.client({ name: 'sallyport' });
    for (const [method, handle] of Object.entries(client.handlers)) {
      app.onRequest(method, record, async ({ params }) => {
        try {
          return await handle(params);
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          throw new sdk.RequestError(error.missing ? -32002 : -32602, error.message);
        }
      });
    }
    app.onNotification('session/update', record, ({ params }) => client.update(params));
    const connection = app.connect(stream);
    this.agent = connection.agent;
    try {
      await this.ask(connection.agent, client);
    } catch (error) {
      if (error instanceof sdk.RequestError) this.closing = closingOfError(error);
    } finally {
      connection.close();
    }
  }

  private client(): AcpClient {
    const { tools, directory, env, roots } = this.start;
    return new AcpClient({
      tools,
      directory,
      env: { ...env, [turnVariable]: this.turn },
      places: new Places(roots),
      terminals: this.terminals,
      updates: this.updates,
      say: (events) => this.say(events),
      refused: (call) => this.refuse(call),
      signal: this.stopping.signal,
    });
  }

  private async ask(agent: ClientContext, client: AcpClient): Promise<void> {
    const { directory: cwd, native, prompt, readsFiles, started } = this.start;
    const greeting = await agent.request('initialize', {
      protocolVersion: 1,
      clientCapabilities: { fs: { readTextFile: readsFiles, writeTextFile: true }, terminal: true },
      clientInfo: { name: 'sallyport', version: '1' },
    });
    this.canLoad = greeting.agentCapabilities?.loadSession === true;
    this.say(started(record(greeting)));
    if (native === undefined) {
      this.session = (await agent.request('session/new', { cwd, mcpServers: [] })).sessionId;
    } else {
      client.quiet = true;
      await agent.request('session/load', { sessionId: native, cwd, mcpServers: [] });
      await this.silence();
      client.quiet = false;
      this.session = native;
    }
    const answer = await agent.request('session/prompt', { sessionId: this.session, prompt: [...prompt] });
    await this.silence();
    this.say(this.updates.end(record(answer)));
    this.closing = closingOfStop(text(answer.stopReason));
  }

  /** The agent is asked to end its prompt, and ended when it does not. */
  private end(): void {
    this.stopping.abort();
    this.terminals.stopAll();
    const { session, agent } = this;
    if (session === undefined || agent === undefined || this.dogs.forced === 'lingered') {
      this.group?.stop();
      return;
    }
    agent.notify('session/cancel', { sessionId: session }).catch(() => this.group?.stop());
    setTimeout(() => this.group?.stop(), cancelMillis);
  }

  /** Some agents answer that a conversation is loaded, or a prompt done, before they have told all of it. */
  private async silence(): Promise<void> {
    const until = performance.now() + tellingMillis;
    for (let seen = -1; seen !== this.messages && performance.now() < until; ) {
      seen = this.messages;
      await wait(quietMillis);
    }
  }

  private heard(): Promise<void> {
    this.messages += 1;
    this.dogs.heard();
    return this.waiting > backlog ? this.said : Promise.resolve();
  }

  /** In order; an event nobody takes ends the agent. */
  private say(events: readonly AgentEvent[]): void {
    for (const event of events) {
      this.note(event);
      this.waiting += 1;
      this.said = this.said
        .then(() => this.start.emit(event))
        .catch(() => this.group?.kill())
        .finally(() => {
          this.waiting -= 1;
        });
    }
  }

  private note(event: AgentEvent): void {
    if ('toolStarted' in event) {
      this.called = true;
      this.dogs.toolStarted(event.toolStarted.call);
    }
    if (!('toolCompleted' in event)) return;
    const { call, ok } = event.toolCompleted;
    this.dogs.toolEnded(call);
    // Some agents know the role's tools by their configuration, and refuse without a question.
    if (!ok && !isAllowed(this.start.tools, this.updates.called(call))) this.refusedLast = true;
    if (ok && !this.denied.has(call)) this.refusedLast = false;
  }

  private refuse(call: string): void {
    this.refusedLast = true;
    this.denied.add(call);
    this.dogs.toolEnded(call);
  }
}
