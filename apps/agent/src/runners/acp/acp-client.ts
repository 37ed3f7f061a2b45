/** Our side of the Agent Client Protocol: what an agent may ask of us, and what it gets. */

import type { AgentEvent } from '../../event.ts';
import type { Line } from '../cli/adapter.ts';
import { list, record, text } from '../cli/line-fields.ts';
import type { Exit } from '../process-group.ts';
import { answerOf, type Called, isAllowed } from './permission.ts';
import { type Places, Refused } from './places.ts';
import type { Terminals } from './terminals.ts';
import type { Updates } from './updates.ts';

const workspaces = '/workspace/';

export interface ClientParts {
  /** Tools of the role. */
  readonly tools: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly places: Places;
  readonly terminals: Terminals;
  readonly updates: Updates;
  readonly say: (events: readonly AgentEvent[]) => void;
  /** A call was refused; its id, where it has one. */
  readonly refused: (call: string) => void;
  /** Nothing is allowed any more once this is aborted. */
  readonly signal: AbortSignal;
}

type Handler = (params: Line) => unknown;

const exitOf = (exit: Exit): object => {
  if (exit.kind === 'exited') return { exitCode: exit.code, signal: null };
  return exit.kind === 'signalled' ? { exitCode: null, signal: exit.signal } : { exitCode: 127, signal: null };
};

const positive = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.trunc(value) : undefined;

export class AcpClient {
  /** While an earlier conversation is told again, nothing of it is news. */
  quiet = false;
  readonly handlers: Readonly<Record<string, Handler>>;
  private readonly parts: ClientParts;

  constructor(parts: ClientParts) {
    this.parts = parts;
    const { terminals } = parts;
    this.handlers = {
      'session/request_permission': (params) => this.permission(params),
      'fs/read_text_file': (params) => this.read(params),
      'fs/write_text_file': (params) => this.write(params),
      'terminal/create': (params) => this.terminal(params),
      'terminal/output': ({ terminalId }) => {
        const { output, truncated, exit } = terminals.state(text(terminalId));
        return { output, truncated, exitStatus: exit === undefined ? null : exitOf(exit) };
      },
      'terminal/wait_for_exit': async ({ terminalId }) => exitOf(await terminals.ended(text(terminalId))),
      'terminal/kill': ({ terminalId }) => {
        terminals.kill(text(terminalId));
        return {};
      },
      'terminal/release': ({ terminalId }) => {
        terminals.release(text(terminalId));
        return {};
      },
    };
  }

  /** `session/update`. */
  update(params: Line): void {
    if (!this.quiet) this.parts.say(this.parts.updates.read(record(params['update'])));
  }

  private permission(params: Line): unknown {
    const { tools, updates, say, refused, signal } = this.parts;
    const call = record(params['toolCall']);
    const { called, events } = updates.asked(call);
    say(events);
    const allowed = isAllowed(tools, called) && !signal.aborted;
    if (!allowed) {
      const message = `the role does not allow ${called.kind || called.tool}: ${text(call['title']).slice(0, 200)}`;
      if (!signal.aborted) say([{ error: { reason: 'runner.permission_refused', message } }]);
      refused(text(call['toolCallId']));
    }
    return answerOf(params, allowed);
  }

  /** Throws Refused for what the role does not allow. */
  private check(called: Called): void {
    const { tools, refused, signal } = this.parts;
    if (isAllowed(tools, called) && !signal.aborted) return;
    refused('');
    throw new Refused(`this role does not allow to ${called.kind}; it allows: ${tools.join(', ')}`);
  }

  private async read(params: Line): Promise<unknown> {
    this.check({ kind: 'read', tool: '' });
    const line = positive(params['line']) ?? 1;
    return { content: await this.parts.places.read(text(params['path']), line, positive(params['limit'])) };
  }

  private async write(params: Line): Promise<unknown> {
    this.check({ kind: 'edit', tool: '' });
    const path = text(params['path']);
    await this.parts.places.write(path, text(params['content']));
    if (path.startsWith(workspaces)) this.parts.say([{ fileChanged: { path: path.slice(workspaces.length) } }]);
    return {};
  }

  private async terminal(params: Line): Promise<unknown> {
    this.check({ kind: 'execute', tool: '' });
    const { places, terminals, directory, env } = this.parts;
    const asked = list(params['env']).map(record);
    const more = Object.fromEntries(asked.map((variable) => [text(variable['name']), text(variable['value'])]));
    const args = list(params['args']).map(text);
    const terminalId = terminals.create({
      argv: [text(params['command']), ...args],
      directory: await places.folder(text(params['cwd']) || directory),
      env: { ...env, ...more },
      limit: positive(params['outputByteLimit']),
    });
    return { terminalId };
  }
}
