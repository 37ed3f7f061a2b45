/** Runs any command as the agent; its output is the run's output, byte for byte. */

import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Stream } from '../event.ts';
import { systemCode } from '../system-error.ts';
import type { Work } from '../work.ts';
import { type Command, type Exit, ProcessGroup } from './process-group.ts';
import type { Emit, Outcome, Probe, Runner, Running } from './runner.ts';

/** Bytes in one output event. */
const eventBytes = 64 * 1024;

/** A stream as output events, byte for byte. */
export async function pour(from: Readable, stream: Stream, emit: Emit): Promise<void> {
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; at += eventBytes) {
        await emit({ output: { stream, data: chunk.toString('base64', at, at + eventBytes) } });
      }
    }
  } catch (error) {
    // A pipe that is destroyed with its process group ends early; a failing emit is the supervisor's to see.
    if (systemCode(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

/** Shell convention: 128 and the signal's number, 127 for a command that is not there, 126 for one that cannot be run. */
export function exitCodeOf(exit: Exit): number {
  switch (exit.kind) {
    case 'exited':
      return exit.code;
    case 'signalled':
      return 128 + (constants.signals[exit.signal] ?? 0);
    case 'failed':
      return exit.error === 'ENOENT' ? 127 : 126;
  }
}

export function execOutcome(exit: Exit, stopped: boolean): Outcome {
  const exitCode = exitCodeOf(exit);
  if (stopped) return { verdict: 'VERDICT_CANCELLED', reply: '', exitCode };
  if (exit.kind === 'failed') return { verdict: 'VERDICT_RUNNER_ERROR', reply: '', exitCode };
  return { verdict: exitCode === 0 ? 'VERDICT_SUCCEEDED' : 'VERDICT_FAILED', reply: '', exitCode };
}

/** A group, or undefined for a command that cannot be one. */
function groupOf(command: Command): ProcessGroup | undefined {
  try {
    return new ProcessGroup(command);
  } catch {
    return undefined;
  }
}

async function notStarted(program: string, exit: Exit & { kind: 'failed' }, emit: Emit): Promise<Outcome> {
  const message = `${program === '' ? 'an empty command' : program} could not be started: ${exit.error}`;
  const reason = exit.error === 'ENOENT' ? 'exec.not_found' : 'exec.not_started';
  await emit({ error: { reason, message } }).catch(() => undefined);
  return execOutcome(exit, false);
}

export class ExecRunner implements Runner {
  readonly name = 'exec';
  readonly once = true;
  private readonly env: Readonly<Record<string, string>>;

  constructor(env: Readonly<Record<string, string>>) {
    this.env = env;
  }

  probe(): Promise<Probe> {
    return Promise.resolve({ runner: this.name, version: '1', features: ['stop', 'binary-output'], missing: [] });
  }

  start(work: Work, emit: Emit): Running {
    const taskFile = join(work.home, 'task.md');
    if (work.input.text !== '') writeFileSync(taskFile, work.input.text);
    const env = {
      ...this.env,
      HOME: work.home,
      ...(work.input.text !== '' && { SALLY_TASK_FILE: taskFile }),
      ...(work.modelUrl !== '' && { SALLY_MODEL_URL: work.modelUrl, SALLY_MODEL: work.model }),
    };
    const group = groupOf({ argv: work.argv, directory: work.directory, env });
    const program = work.argv[0] ?? '';
    if (group === undefined)
      return { ended: notStarted(program, { kind: 'failed', error: 'EINVAL' }, emit), stop: () => undefined };
    let stopped = false;
    return {
      ended: this.follow(group, program, emit, () => stopped),
      stop: () => {
        stopped = true;
        group.stop();
      },
    };
  }

  private async follow(group: ProcessGroup, program: string, emit: Emit, stopped: () => boolean): Promise<Outcome> {
    const poured = Promise.all([
      pour(group.stdout, 'STREAM_STDOUT', emit),
      pour(group.stderr, 'STREAM_STDERR', emit),
    ]).catch(() => group.kill());
    const exit = await group.ended;
    await poured;
    if (exit.kind === 'failed') return await notStarted(program, exit, emit);
    return execOutcome(exit, stopped());
  }
}
