/** Drives one coding agent by its command line: one process per turn, its lines as events, its end judged from evidence. */

import { packageOf } from '@sallyport/core/coding-agents';
import type { Work } from '../../work.ts';
import type { Emit, Outcome, Probe, Runner, Running } from '../runner.ts';
import type { Adapter, Turn } from './adapter.ts';
import { conversationOf, restored } from './conversation.ts';
import { type Evidence, judge, outcomeOf } from './evidence.ts';
import { writeHome } from './home.ts';
import { instructionsOf } from './instructions.ts';
import { refuse, startable, startedOr, tell } from './not-started.ts';
import { findProgram, type Program, programFolder } from './program.ts';
import { turnOf } from './turn.ts';
import { type Seen, TurnProcess, type TurnStart } from './turn-process.ts';
import { type Patience, patienceWithin } from './watchdogs.ts';

export interface CliParts {
  readonly env: Readonly<Record<string, string>>;
  /** npm prefix the programs are installed in. */
  readonly runners: string;
  readonly patience?: Patience;
}

export class CliRunner implements Runner {
  readonly name: string;
  private readonly adapter: Adapter;
  private readonly parts: CliParts;

  constructor(adapter: Adapter, parts: CliParts) {
    this.name = adapter.agent.runner;
    this.adapter = adapter;
    this.parts = parts;
  }

  async probe(): Promise<Probe> {
    const { agent } = this.adapter;
    const program = await findProgram(this.parts.runners, agent);
    return {
      runner: this.name,
      version: program?.version ?? '',
      features: agent.features,
      missing: program === undefined ? [packageOf(agent)] : [],
    };
  }

  start(work: Work, emit: Emit): Running {
    const stopping = new AbortController();
    const { signal } = stopping;
    return { ended: startedOr(() => this.drive(work, emit, signal), emit, signal), stop: () => stopping.abort() };
  }

  private async drive(work: Work, emit: Emit, signal: AbortSignal): Promise<Outcome> {
    const program = await this.program(work);
    const turn = turnOf(work);
    await this.prepare(work, turn, signal);
    return await this.run(program, turn, work, emit, signal);
  }

  /** Throws NotStarted. */
  private async program(work: Work): Promise<Program> {
    const { agent } = this.adapter;
    if (!agent.dialects.includes(work.dialect)) {
      const speaks = agent.dialects.join(', ');
      throw refuse(
        'runner.dialect_unfit',
        `${this.name} speaks ${speaks} to its model, and the provider ${work.dialect}`,
      );
    }
    const program = await findProgram(this.parts.runners, agent);
    if (program === undefined) {
      throw refuse('runner.missing', `${this.name} is not installed in this sandbox: ${packageOf(agent)} is missing`);
    }
    return program;
  }

  private async prepare(work: Work, turn: Turn, signal: AbortSignal): Promise<void> {
    const { instructions } = this.adapter;
    await startable(turn, signal);
    const { conversation } = work;
    const { session } = this.adapter;
    await writeHome(turn.home, [
      { path: instructions, data: instructionsOf(work.persona, work.mounts, work.directory) },
      ...(conversation === undefined ? [] : restored(conversation, session, turn)),
    ]);
    if (conversation !== undefined) await session.adopt?.(turn);
  }

  private async run(program: Program, turn: Turn, work: Work, emit: Emit, signal: AbortSignal): Promise<Outcome> {
    const { adapter } = this;
    const command = adapter.command(turn);
    await writeHome(turn.home, command.files);
    signal.throwIfAborted();
    const { PATH = '/usr/bin:/bin', ...env } = this.parts.env;
    const start: TurnStart = {
      argv: [...program.argv, ...command.args],
      directory: turn.directory,
      env: { ...env, PATH: `${programFolder(this.parts.runners)}:${PATH}`, HOME: turn.home, ...command.env },
      stdin: command.stdin,
      read: adapter.reader(turn),
      emit,
      patience: this.parts.patience ?? patienceWithin(work.idleSeconds),
    };
    let seen = await toItsEnd(start, signal);
    if (brokeOff(seen) && !signal.aborted) {
      await emit({ raw: { text: '[the model broke off before anything was done; asking it once more]' } });
      seen = await toItsEnd({ ...start, read: adapter.reader(turn) }, signal);
    }
    const more = await adapter.afterwards?.(turn);
    for (const event of more?.events ?? []) await emit(event);
    const closing = adapter.closing === undefined ? seen.closing : adapter.closing(seen.closing, seen.exit);
    const evidence: Evidence = { ...seen, closing, refusedLast: seen.refusedLast || more?.refusedLast === true };
    const judgement = judge(evidence);
    await tell(judgement, emit);
    const native = seen.native ?? turn.native;
    const conversation =
      native === undefined
        ? undefined
        : await conversationOf(
            { runner: this.name, version: program.version, session: work.session, native },
            adapter.session,
            turn.home,
          );
    return { ...outcomeOf(evidence, judgement), ...(conversation !== undefined && { conversation }) };
  }
}

async function toItsEnd(start: TurnStart, signal: AbortSignal): Promise<Seen> {
  const running = new TurnProcess(start);
  const stop = (): void => running.stop();
  signal.addEventListener('abort', stop);
  const seen = await running.ended;
  signal.removeEventListener('abort', stop);
  return seen;
}

/** Most programs ask again by themselves when a stream breaks off. What did something already is not done twice. */
const brokeOff = ({ closing, forced, called }: Seen): boolean =>
  !called &&
  forced === undefined &&
  closing?.kind === 'model' &&
  closing.status === undefined &&
  closing.denied !== true;
