/** A shell command in a process group of its own, with a time limit; its output streams while it runs. */

import type { Readable } from 'node:stream';
import { systemCode } from '../../../system-error.ts';
import { type Exit, ProcessGroup } from '../../process-group.ts';
import { clip, numberArgument, parameters, type Tool, type ToolContext, textArgument } from './tool.ts';

const usualSeconds = 120;
const maxSeconds = 3600;
/** Characters of one command that are streamed as events; the rest is only counted and clipped. */
const maxStreamed = 1024 * 1024;
/** Characters kept at each end of what a command says. */
const keptEach = 48 * 1024;

/** Keeps the beginning and the end of a text of any length in bounded memory. */
class Transcript {
  private head = '';
  private tail = '';
  private left = 0;

  add(text: string): void {
    const room = Math.max(0, keptEach - this.head.length);
    this.head += text.slice(0, room);
    this.tail += text.slice(room);
    if (this.tail.length > 2 * keptEach) {
      this.left += this.tail.length - keptEach;
      this.tail = this.tail.slice(-keptEach);
    }
  }

  toString(): string {
    return this.left === 0
      ? this.head + this.tail
      : `${this.head}\n[... ${this.left} characters left out ...]\n${this.tail}`;
  }
}

/** Bytes that are not UTF-8 become replacement characters; a character split over two chunks does not. */
async function listen(from: Readable, heard: (text: string) => Promise<void>): Promise<void> {
  const decoder = new TextDecoder('utf-8');
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) await heard(decoder.decode(chunk, { stream: true }));
    const rest = decoder.decode();
    if (rest !== '') await heard(rest);
  } catch (error) {
    if (systemCode(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

function closing(exit: Exit, timedOut: boolean, seconds: number): string {
  if (timedOut) return `[stopped after ${seconds} s]`;
  if (exit.kind === 'failed') return `[the shell could not be started: ${exit.error}]`;
  return exit.kind === 'signalled' ? `[killed by ${exit.signal}]` : `[exit code ${exit.code}]`;
}

async function run(command: string, seconds: number, context: ToolContext): Promise<{ ok: boolean; text: string }> {
  const group = new ProcessGroup({ argv: ['/bin/sh', '-c', command], directory: context.directory, env: context.env });
  const transcript = new Transcript();
  let streamed = 0;
  const heard = async (text: string): Promise<void> => {
    transcript.add(text);
    if (streamed >= maxStreamed || text === '') return;
    streamed += text.length;
    await context.output(text);
  };
  let timedOut = false;
  const limit = setTimeout(() => {
    timedOut = true;
    group.stop();
  }, seconds * 1000);
  const stop = (): void => group.stop();
  context.signal.addEventListener('abort', stop, { once: true });
  try {
    const listening = Promise.all([listen(group.stdout, heard), listen(group.stderr, heard)]);
    const [exit] = await Promise.all([group.ended, listening]);
    const ok = exit.kind === 'exited' && exit.code === 0 && !timedOut;
    const said = transcript.toString();
    if (ok) return { ok, text: clip(said) };
    return {
      ok,
      text: clip(`${said}${said === '' || said.endsWith('\n') ? '' : '\n'}${closing(exit, timedOut, seconds)}`),
    };
  } finally {
    clearTimeout(limit);
    context.signal.removeEventListener('abort', stop);
    group.kill();
  }
}

export const bash: Tool = {
  offer: {
    name: 'bash',
    description:
      'Runs a command with sh -c in the working directory and returns what it prints, standard error included.',
    parameters: parameters(
      {
        command: { type: 'string', description: 'The command.' },
        timeout_seconds: { type: 'number', description: `Seconds until it is stopped; ${usualSeconds} unless given.` },
      },
      ['command'],
    ),
  },
  run: (args, context) =>
    run(textArgument(args, 'command'), numberArgument(args, 'timeout_seconds', usualSeconds, 1, maxSeconds), context),
};
