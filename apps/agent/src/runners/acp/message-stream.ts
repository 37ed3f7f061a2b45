/** The protocol's messages over a program's pipes: a JSON object a line, of bounded length; anything else is noise. */

import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { AnyMessage, Stream } from '@agentclientprotocol/sdk';
import { linesOf } from '../cli/lines.ts';

export interface Pipes {
  readonly stdin: Writable;
  readonly stdout: AsyncIterable<Uint8Array>;
}

const isMessage = (value: unknown): value is AnyMessage =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parsed(line: string): AnyMessage | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isMessage(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** `heard` is called for every message that comes in and waited for, `noise` with every line that is none. */
export function messageStream(
  { stdin, stdout }: Pipes,
  heard: () => Promise<void>,
  noise: (line: string) => void,
): Stream {
  async function* messages(): AsyncGenerator<AnyMessage> {
    for await (const line of linesOf(stdout)) {
      const message = 'text' in line ? parsed(line.text) : undefined;
      if (message !== undefined) {
        await heard();
        yield message;
      } else if ('tooLong' in line) {
        noise(`[a line of ${line.tooLong} bytes was left out]`);
      } else if (line.text.trim() !== '') {
        noise(line.text);
      }
    }
  }
  const source = messages();
  const readable = new ReadableStream<AnyMessage>({
    pull: async (controller) => {
      // A pipe that is destroyed with its program ends like one that is closed.
      const next = await source.next().catch(() => ({ done: true, value: undefined }) as const);
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
  });
  const writable = new WritableStream<AnyMessage>({
    write: async (message) => {
      if (!stdin.writable) throw new Error('the program reads no more');
      if (stdin.write(`${JSON.stringify(message)}\n`)) return;
      await Promise.race([once(stdin, 'drain'), once(stdin, 'close')]);
    },
  });
  return { readable, writable };
}
