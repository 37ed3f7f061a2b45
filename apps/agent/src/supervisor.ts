/** One dispatch inside its sandbox: wait for the work, run it, say how it ended. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Emit, Outcome, Runner, Running } from './runners/runner.ts';
import type { Emitter } from './tether/emitter.ts';
import type { Tether } from './tether/tether.ts';
import type { Work } from './work.ts';

export interface Supervised {
  readonly tether: Tether;
  readonly emitter: Emitter;
  readonly runners: readonly Runner[];
  readonly version: string;
  readonly home: string;
  /** Settles when connections and names of the sandbox are answered. */
  readonly network: Promise<void>;
}

/** Where a command finds its task when it has one. */
export const taskFile = (home: string): string => join(home, 'task.md');

async function prepareHome(home: string, work: Work): Promise<void> {
  await mkdir(home, { recursive: true });
  if (work.start.inline !== undefined) await writeFile(taskFile(home), work.start.inline);
}

function notStarted(work: Work, runners: readonly Runner[], emit: Emit): Running {
  const known = runners.map((runner) => runner.name).join(', ');
  const ended = emit({
    error: { reason: 'runner.unknown', message: `no runner is called "${work.runner}"; there are: ${known}` },
  }).then((): Outcome => ({ verdict: 'VERDICT_RUNNER_ERROR', reply: '', exitCode: 1 }));
  return { ended, stop: () => undefined };
}

/** Stops the runner when the platform asks for it, until the runner has ended. */
async function obeyControl(tether: Tether, running: Running, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) {
    if (await tether.awaitStop(ended)) {
      running.stop();
      return;
    }
  }
}

/** The code to exit with: the work's own, and never 0 for work that did not succeed. */
export const exitCodeFor = ({ verdict, exitCode }: Outcome): number =>
  verdict === 'VERDICT_SUCCEEDED' ? 0 : exitCode || 1;

/** Runs the dispatch to its end; resolves to the code to exit with, once the runtime has taken every event. */
export async function supervise(parts: Supervised, onRunning: (running: Running) => void): Promise<number> {
  const { tether, emitter, runners, home } = parts;
  const emit: Emit = (event) => emitter.emit(event);
  const [work] = await Promise.all([tether.awaitWork(parts.version), parts.network]);
  await prepareHome(home, work);
  const runner = runners.find((candidate) => candidate.name === work.runner);
  const running = runner?.start(work, emit) ?? notStarted(work, runners, emit);
  onRunning(running);
  const over = new AbortController();
  // A control wire that breaks off for good has no say any more; the runtime can still end the whole sandbox.
  void obeyControl(tether, running, over.signal).catch(() => undefined);
  const outcome = await running.ended;
  over.abort();
  await emit({ result: { ...outcome } });
  await emitter.flush();
  return exitCodeFor(outcome);
}
