/** One dispatch inside its sandbox: wait for the work, work on one input after the other, say how each and all of it ended. */

import { attachmentFolders, attachmentSentence, writeAttachments } from './attachments.ts';
import { firstWritable, freshHome, removeHome, workspaces } from './home.ts';
import { InputQueue, type Next } from './inputs/input-queue.ts';
import type { Emit, Outcome, Runner, Running } from './runners/runner.ts';
import { Conversation } from './sessions/conversation.ts';
import { SessionUnusable } from './sessions/session-file.ts';
import { StartUnusable, taskText } from './task.ts';
import type { Emitter } from './tether/emitter.ts';
import type { Tether } from './tether/tether.ts';
import type { Assignment } from './work.ts';

export interface Supervised {
  readonly tether: Tether;
  readonly emitter: Emitter;
  readonly runners: readonly Runner[];
  readonly version: string;
  /** HOME of a dispatch that has no writable workspace. */
  readonly home: string;
  /** Settles when connections and names of the sandbox are answered. */
  readonly network: Promise<void>;
  /** Where workspaces are mounted. */
  readonly workspaces?: string;
  readonly attachments?: typeof attachmentFolders;
}

/** What an input is worked on with, beside its text. */
interface Desk {
  readonly assignment: Assignment;
  readonly runner: Runner;
  readonly home: string;
  readonly conversation: Conversation;
  readonly emit: Emit;
}

const runnerError: Outcome = { verdict: 'VERDICT_RUNNER_ERROR', reply: '', exitCode: 1 };

/** The code to exit with: the work's own, and never 0 for work that did not succeed. */
export const exitCodeFor = ({ verdict, exitCode }: Outcome): number =>
  verdict === 'VERDICT_SUCCEEDED' ? 0 : exitCode || 1;

/** Runs the dispatch to its end; resolves to the code to exit with, once the runtime has taken every event. */
export async function supervise(parts: Supervised, stop: AbortSignal): Promise<number> {
  const { tether, emitter } = parts;
  const emit: Emit = (event) => emitter.emit(event);
  const [assignment] = await Promise.all([tether.awaitWork(parts.version), parts.network]);
  const dispatch = new Dispatch(parts, assignment, emit);
  const { outcome, left } = await dispatch.run(stop);
  const { verdict, reply, exitCode } = outcome;
  await emit({ result: { verdict, reply, exitCode } });
  await emitter.flush();
  return left ? 0 : exitCodeFor(outcome);
}

class Dispatch {
  private readonly parts: Supervised;
  private readonly assignment: Assignment;
  private readonly emit: Emit;
  private readonly queue: InputQueue;
  private running: Running | undefined;

  constructor(parts: Supervised, assignment: Assignment, emit: Emit) {
    this.parts = parts;
    this.assignment = assignment;
    this.emit = emit;
    this.queue = new InputQueue(assignment.dispatch, {
      stopCurrent: () => this.running?.stop(),
      ended: (input, done) => void this.sayEnded(input, done).catch(() => undefined),
    });
  }

  /** How the last input ended, and whether the dispatch left by itself. */
  async run(stop: AbortSignal): Promise<{ outcome: Outcome; left: boolean }> {
    const over = new AbortController();
    const end = (): void => this.queue.stop();
    stop.addEventListener('abort', end, { once: true });
    // A control wire that breaks off for good has no say any more; the runtime can still end the whole sandbox.
    void this.obey(over.signal).catch(() => undefined);
    try {
      return await this.work();
    } finally {
      over.abort();
      stop.removeEventListener('abort', end);
      this.queue.close();
    }
  }

  private async obey(over: AbortSignal): Promise<void> {
    for (let after = 0; !over.aborted; ) {
      const { stop, inputs, last } = await this.parts.tether.awaitControl(after, over);
      for (const input of inputs) this.queue.take(input);
      after = Math.max(after, last);
      if (stop) return this.queue.stop();
    }
  }

  private async work(): Promise<{ outcome: Outcome; left: boolean }> {
    const { assignment, emit } = this;
    await emit({ inputTaken: { input: assignment.dispatch } });
    let outcome: Outcome;
    let desk: Desk | undefined;
    try {
      const opened = await this.open();
      desk = opened.desk;
      outcome = await this.answer(desk, assignment.dispatch, opened.task);
      if (!assignment.stay) return { outcome, left: false };
      for (;;) {
        const next: Next = await this.queue.next(assignment.idleSeconds * 1000);
        if (next.kind !== 'text') return { outcome, left: next.kind !== 'stop' };
        await emit({ inputTaken: { input: next.id } });
        outcome = await this.answer(desk, next.id, next.text);
      }
    } catch (error) {
      outcome = await this.unusable(error);
      return { outcome, left: false };
    } finally {
      if (desk !== undefined) await removeHome(desk.home).catch(() => undefined);
    }
  }

  /** Everything an input needs. Throws StartUnusable or SessionUnusable: no input could be worked on then. */
  private async open(): Promise<{ desk: Desk; task: string }> {
    const { assignment, emit } = this;
    const { runners, home: otherwise, workspaces: root = workspaces } = this.parts;
    const runner = runners.find(({ name }) => name === assignment.runner);
    if (runner === undefined) {
      const known = runners.map(({ name }) => name).join(', ');
      throw new RunnerUnknown(`no runner is called "${assignment.runner}"; there are: ${known}`);
    }
    if (runner.once === true && assignment.stay) {
      throw new StartUnusable(`the runner ${runner.name} runs once; its dispatch cannot stay`);
    }
    const isAsked = runner.once !== true || Object.keys(assignment.start).length > 0;
    const text = isAsked ? await taskText(assignment, root) : '';
    const paths = await writeAttachments(assignment.attachments, this.parts.attachments ?? attachmentFolders);
    const workspace = firstWritable(assignment, root);
    // A command that runs once finds its workspace as it is.
    const home = await freshHome(runner.once === true ? undefined : workspace, otherwise);
    const conversation = await Conversation.open({ assignment, root: workspace ?? home, emit });
    const sentence = attachmentSentence(paths);
    const task = sentence === '' ? text : `${text}\n\n${sentence}`;
    return { desk: { assignment, runner, home, conversation, emit }, task };
  }

  /** One input, from the runner's start to the conversation on file. */
  private async answer(desk: Desk, id: string, text: string): Promise<Outcome> {
    const { assignment, runner, home, conversation, emit } = desk;
    const latest = conversation.latest;
    const work = { ...assignment, home, input: { id, text }, ...(latest && { conversation: latest }) };
    this.running = runner.start(work, emit);
    if (this.queue.isStopped(id)) this.running.stop();
    const outcome = await this.running.ended;
    this.running = undefined;
    if (outcome.conversation !== undefined) await conversation.keep(outcome.conversation);
    await emit({ inputEnded: { input: id, verdict: outcome.verdict, reply: outcome.reply } });
    return outcome;
  }

  /** A dispatch that cannot begin ends with a reason, and changed nothing. */
  private async unusable(error: unknown): Promise<Outcome> {
    const message = error instanceof Error ? error.message : String(error);
    await this.emit({ error: { reason: reasonOf(error), message } });
    const { verdict, reply } = runnerError;
    await this.emit({ inputEnded: { input: this.assignment.dispatch, verdict, reply } });
    return runnerError;
  }

  private sayEnded(input: string, done: boolean): Promise<void> {
    const verdict = done ? 'VERDICT_SUCCEEDED' : 'VERDICT_CANCELLED';
    return this.emit({ inputEnded: { input, verdict, reply: '' } });
  }
}

class RunnerUnknown extends Error {
  override readonly name = 'RunnerUnknown';
}

function reasonOf(error: unknown): string {
  if (error instanceof SessionUnusable) return error.reason;
  if (error instanceof RunnerUnknown) return 'runner.unknown';
  return error instanceof StartUnusable ? 'runner.start_unusable' : 'runner.internal';
}
