/** Drives any agent that speaks the Agent Client Protocol over its pipes. */

import type { ContentBlock } from '@agentclientprotocol/sdk';
import { packageOf } from '@sallyport/core/coding-agents';
import { attachmentFolders } from '../../attachments.ts';
import type { SessionFile } from '../../sessions/session-file.ts';
import type { Work } from '../../work.ts';
import type { Adapter, Line, Turn } from '../cli/adapter.ts';
import type { CliParts } from '../cli/cli-runner.ts';
import { conversationOf, restored } from '../cli/conversation.ts';
import { judge, outcomeOf } from '../cli/evidence.ts';
import { writeHome } from '../cli/home.ts';
import { instructionsOf } from '../cli/instructions.ts';
import { record, text } from '../cli/line-fields.ts';
import { refuse, startable, startedOr, tell } from '../cli/not-started.ts';
import { turnOf } from '../cli/turn.ts';
import { patienceWithin } from '../cli/watchdogs.ts';
import type { Emit, Outcome, Probe, Runner, Running } from '../runner.ts';
import { type AcpSeen, AcpTurn, type AcpTurnStart } from './acp-turn.ts';
import { type Agent, agentOf, keptOf, rootsOf, searchPath, setupOf } from './agents.ts';

/** Milliseconds an agent has to go when its pipe is closed. */
const lingerMillis = 3000;

const textBlock = (content: string): ContentBlock => ({ type: 'text', text: content });

export class AcpRunner implements Runner {
  readonly name = 'acp';
  private readonly adapters: readonly Adapter[];
  private readonly parts: CliParts;

  /** `adapters` are of the agents whose configuration is known. */
  constructor(adapters: readonly Adapter[], parts: CliParts) {
    this.adapters = adapters;
    this.parts = parts;
  }

  probe(): Promise<Probe> {
    return Promise.resolve({
      runner: this.name,
      version: '1',
      features: ['resume', 'stop', 'ask', 'streaming', 'tools'],
      missing: [],
    });
  }

  start(work: Work, emit: Emit): Running {
    const stopping = new AbortController();
    const { signal } = stopping;
    return { ended: startedOr(() => this.drive(work, emit, signal), emit, signal), stop: () => stopping.abort() };
  }

  private async drive(work: Work, emit: Emit, signal: AbortSignal): Promise<Outcome> {
    const agent = await this.agent(work);
    const turn = turnOf(work);
    await this.prepare(agent, work, turn, signal);
    return await this.run(agent, turn, work, emit, signal);
  }

  /** Throws NotStarted. */
  private async agent({ argv, dialect, conversation }: Work): Promise<Agent> {
    const agent = await agentOf(argv, this.adapters, this.parts.runners);
    if (agent === undefined) {
      const known = this.adapters.find((adapter) => adapter.agent.program === argv[0]);
      const missing = known === undefined ? 'it' : packageOf(known.agent);
      throw refuse('runner.missing', `${argv[0] ?? ''} is not installed in this sandbox: ${missing} is missing`);
    }
    const speaks = agent.known?.agent.dialects ?? [dialect];
    if (!speaks.includes(dialect)) {
      const message = `${agent.name} speaks ${speaks.join(', ')} to its model, and the provider ${dialect}`;
      throw refuse('runner.dialect_unfit', message);
    }
    const led = conversation?.version.split(' ')[0];
    if (led !== undefined && led !== agent.name) {
      throw refuse('runner.session_foreign', `the conversation was led by ${led}; ${agent.name} cannot go on with it`);
    }
    return agent;
  }

  private async prepare(agent: Agent, work: Work, turn: Turn, signal: AbortSignal): Promise<void> {
    if (turn.modelUrl !== '') await startable(turn, signal);
    const { conversation } = work;
    const kept = keptOf(agent);
    const { instructions } = agent.known ?? {};
    await writeHome(turn.home, [
      ...(conversation === undefined ? [] : restored(conversation, kept, turn)),
      ...(instructions === undefined ? [] : [{ path: instructions, data: standing(work) }]),
      ...setupOf(agent, turn, work.dialect).files,
    ]);
    if (conversation !== undefined) await kept.adopt?.(turn);
  }

  private async run(agent: Agent, turn: Turn, work: Work, emit: Emit, signal: AbortSignal): Promise<Outcome> {
    signal.throwIfAborted();
    const { env, runners, patience = patienceWithin(work.idleSeconds) } = this.parts;
    // An agent whose instruction file is not known is told at the beginning of the conversation.
    const opening = agent.known === undefined && turn.native === undefined ? [textBlock(standing(work))] : [];
    let version = agent.name;
    const start: AcpTurnStart = {
      argv: agent.argv,
      directory: turn.directory,
      env: {
        ...env,
        PATH: searchPath(runners, env['PATH'] ?? '/usr/bin:/bin'),
        HOME: turn.home,
        ...setupOf(agent, turn, work.dialect).env,
      },
      tools: turn.tools,
      roots: rootsOf(turn, Object.values(attachmentFolders)),
      // Gemini CLI takes a missing file that we read for it for a broken one, and then makes none.
      readsFiles: agent.known?.agent.runner !== 'gemini',
      prompt: [...opening, textBlock(turn.prompt)],
      native: turn.native,
      started: (greeting: Line) => {
        version = `${agent.name} ${text(record(greeting['agentInfo'])['version'])}`.trim();
        return [{ sessionStarted: { session: turn.session, model: turn.model, tools: [...turn.tools] } }];
      },
      emit,
      patience: { ...patience, lingerMillis },
    };
    let seen = await toItsEnd(start, signal);
    if (brokeOff(seen) && !signal.aborted) {
      await emit({ raw: { text: '[the model broke off before anything was done; asking it once more]' } });
      seen = await toItsEnd(start, signal);
    }
    const judgement = judge(seen);
    await tell(judgement, emit);
    const conversation = await this.conversation(agent, turn, version, seen.native);
    return { ...outcomeOf(seen, judgement), ...(conversation !== undefined && { conversation }) };
  }

  /** Absent when the agent cannot go on with it in another process. */
  private async conversation(
    agent: Agent,
    { session, home }: Turn,
    version: string,
    native: string | undefined,
  ): Promise<SessionFile | undefined> {
    if (native === undefined) return undefined;
    return await conversationOf({ runner: this.name, version, session, native }, keptOf(agent), home);
  }
}

const standing = ({ persona, mounts, directory }: Work): string => instructionsOf(persona, mounts, directory);

async function toItsEnd(start: AcpTurnStart, signal: AbortSignal): Promise<AcpSeen> {
  const running = new AcpTurn(start);
  const stop = (): void => running.stop();
  signal.addEventListener('abort', stop);
  const seen = await running.ended;
  signal.removeEventListener('abort', stop);
  return seen;
}

/** A stream that breaks off is an error of their own to some agents. What did something already is not done twice. */
const brokeOff = ({ closing, forced, called }: AcpSeen): boolean =>
  !called &&
  forced === undefined &&
  closing?.kind === 'model' &&
  (closing.status === undefined || closing.status >= 500) &&
  closing.denied !== true;
