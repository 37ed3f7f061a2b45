/** The loop: ask the model, run what it calls, tell it what came of it, until it calls nothing more. */

import { setTimeout as wait } from 'node:timers/promises';
import type { Emit } from '../runner.ts';
import type { Call, Message, Question, StopReason } from './conversation.ts';
import type { Dialect } from './dialects/dialect.ts';
import type { ModelClient } from './model-client.ts';
import { ModelTrouble } from './model-trouble.ts';
import { type RetryPolicy, retryWait } from './retry.ts';
import { runTool } from './tools/run-tool.ts';
import { clip, type Tool } from './tools/tool.ts';
import type { Ending } from './verdict.ts';

export interface LoopParts {
  readonly client: ModelClient;
  readonly dialect: Dialect;
  readonly tools: readonly Tool[];
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly retry: RetryPolicy;
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
}

interface Answer {
  readonly text: string;
  readonly calls: readonly Call[];
  readonly stop: StopReason;
}

/** Where the platform mounts workspaces; a change elsewhere is nobody's news. */
const mounts = '/workspace/';

export class Loop {
  /** Last whole message of the agent. */
  reply = '';
  private readonly parts: LoopParts;
  /** The whole conversation so far. */
  readonly messages: Message[];

  constructor(parts: LoopParts, opening: readonly Message[]) {
    this.parts = parts;
    this.messages = [...opening];
  }

  /** Takes at most the given number of model turns. Throws a ModelTrouble, or the signal's AbortError. */
  async run(model: string, system: string, turns: number): Promise<Ending> {
    const tools = this.parts.tools.map((tool) => tool.offer);
    for (let turn = 1; turn <= turns; turn += 1) {
      const answer = await this.ask({ model, system, messages: this.messages, tools });
      this.messages.push({ role: 'assistant', text: answer.text, calls: answer.calls });
      if (answer.text !== '') {
        this.reply = clip(answer.text);
        await this.parts.emit({ messageCompleted: { text: clip(answer.text) } });
      }
      if (answer.calls.length > 0) await this.call(answer.calls);
      await this.parts.emit({ turnCompleted: { turn } });
      if (answer.calls.length === 0) return { kind: 'answered', stop: answer.stop };
    }
    return { kind: 'turns_used' };
  }

  private async ask(question: Question): Promise<Answer> {
    const { emit, retry, signal } = this.parts;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.askOnce(question);
      } catch (error) {
        if (!(error instanceof ModelTrouble)) throw error;
        const millis = retryWait(retry, attempt, error.trouble, Math.random());
        if (millis === undefined) throw error;
        await emit({ retry: { attempt, waitMillis: String(millis), cause: error.trouble.reason } });
        await wait(millis, undefined, { signal });
      }
    }
  }

  private async askOnce(question: Question): Promise<Answer> {
    const { client, dialect, emit, signal } = this.parts;
    let text = '';
    let stop: StopReason = 'done';
    const calls: Call[] = [];
    for await (const piece of client.ask(dialect, question, signal)) {
      switch (piece.kind) {
        case 'text':
          text += piece.text;
          await emit({ messageDelta: { text: clip(piece.text) } });
          break;
        case 'thinking':
          await emit({ thinking: { text: clip(piece.text) } });
          break;
        case 'call':
          calls.push(piece.call);
          break;
        case 'usage':
          await emit({ usageUpdated: { inputTokens: String(piece.input), outputTokens: String(piece.output) } });
          break;
        case 'end':
          stop = piece.stop;
          break;
      }
    }
    return { text, calls, stop };
  }

  private async call(calls: readonly Call[]): Promise<void> {
    const { emit, tools, directory, env, signal } = this.parts;
    const results = [];
    for (const call of calls) {
      signal.throwIfAborted();
      await emit({ toolStarted: { call: call.id, tool: call.name, arguments: clip(call.arguments) } });
      const result = await runTool(tools, call, {
        directory,
        env,
        signal,
        output: (text) => emit({ toolOutput: { call: call.id, text } }),
        changed: async (path) => {
          if (path.startsWith(mounts)) await emit({ fileChanged: { path: path.slice(mounts.length) } });
        },
      });
      await emit({ toolCompleted: { call: call.id, tool: call.name, ok: result.ok, text: result.text } });
      results.push(result);
    }
    this.messages.push({ role: 'results', results });
  }
}
