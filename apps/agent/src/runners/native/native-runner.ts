/** The platform's own agent: any endpoint that speaks one of the dialects, a shell and files. */

import { SessionUnusable } from '../../sessions/session-file.ts';
import { StartUnusable } from '../../task.ts';
import type { Work } from '../../work.ts';
import type { Emit, Outcome, Probe, Runner, Running } from '../runner.ts';
import { anthropic } from './dialects/anthropic.ts';
import type { Dialect } from './dialects/dialect.ts';
import { gemini } from './dialects/gemini.ts';
import { openaiChat } from './dialects/openai-chat.ts';
import { openaiResponses } from './dialects/openai-responses.ts';
import { Loop } from './loop.ts';
import { ModelClient, type Open } from './model-client.ts';
import { ModelTrouble } from './model-trouble.ts';
import { systemText } from './opening.ts';
import { recall, remember } from './recall.ts';
import { type RetryPolicy, usualRetry } from './retry.ts';
import { toolNames, toolsFor } from './tools/run-tool.ts';
import { type Ending, verdictOf } from './verdict.ts';

export interface NativeParts {
  readonly open: Open;
  readonly env: Readonly<Record<string, string>>;
  readonly retry?: RetryPolicy;
}

const usualTurns = 50;
const version = '1';

const dialects: Readonly<Record<string, Dialect>> = {
  DIALECT_ANTHROPIC_MESSAGES: anthropic,
  DIALECT_OPENAI_CHAT: openaiChat,
  DIALECT_OPENAI_RESPONSES: openaiResponses,
  DIALECT_GEMINI: gemini,
};

export class NativeRunner implements Runner {
  readonly name = 'native';
  private readonly parts: NativeParts;

  constructor(parts: NativeParts) {
    this.parts = parts;
  }

  probe(): Promise<Probe> {
    const features = [
      'stop',
      'resume',
      'streaming',
      ...Object.keys(dialects),
      ...toolNames.map((name) => `tool:${name}`),
    ];
    return Promise.resolve({ runner: this.name, version, features, missing: [] });
  }

  start(work: Work, emit: Emit): Running {
    const stopping = new AbortController();
    return { ended: this.drive(work, emit, stopping.signal), stop: () => stopping.abort() };
  }

  private async drive(work: Work, emit: Emit, signal: AbortSignal): Promise<Outcome> {
    const client = new ModelClient(this.parts.open, work.modelUrl);
    const tools = toolsFor(work.tools);
    const dialect = dialects[work.dialect];
    let loop: Loop | undefined;
    let ending: Ending;
    try {
      await emit({
        sessionStarted: { session: work.session, model: work.model, tools: tools.map(({ offer }) => offer.name) },
      });
      if (dialect === undefined) throw new StartUnusable(`the native runner does not speak ${work.dialect}`);
      const { retry = usualRetry } = this.parts;
      const env = { ...this.parts.env, HOME: work.home };
      const opening = [...recall(work.conversation), { role: 'user', text: work.input.text } as const];
      loop = new Loop({ client, dialect, tools, emit, signal, retry, directory: work.directory, env }, opening);
      ending = await loop.run(work.model, systemText(work), work.turns > 0 ? work.turns : usualTurns);
      // A tool that was stopped returns; the wish to stop is then seen here.
      if (signal.aborted) ending = { kind: 'stopped' };
    } catch (error) {
      ending = await failed(error, signal, emit);
    } finally {
      client.close();
    }
    const verdict = verdictOf(ending);
    return {
      verdict,
      reply: loop?.reply ?? '',
      exitCode: verdict === 'VERDICT_SUCCEEDED' ? 0 : 1,
      ...(loop !== undefined && { conversation: remember(work.session, version, loop.messages) }),
    };
  }
}

async function failed(error: unknown, signal: AbortSignal, emit: Emit): Promise<Ending> {
  if (signal.aborted) return { kind: 'stopped' };
  const message = error instanceof Error ? error.message : String(error);
  const say = (reason: string): Promise<void> => emit({ error: { reason, message } }).catch(() => undefined);
  if (error instanceof ModelTrouble) {
    await say(error.trouble.reason);
    return { kind: 'trouble', trouble: error.trouble };
  }
  if (error instanceof SessionUnusable) await say(error.reason);
  else await say(error instanceof StartUnusable ? 'runner.start_unusable' : 'runner.internal');
  return { kind: 'defect' };
}
