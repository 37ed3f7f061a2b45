/**
 * The inputs one workload was given: numbered from 1 in the order they came, each once, and held until its supervisor has them.
 *
 * They lie in a file beside the journal, so a receipt holds over a restart of this process; a machine that loses power loses the
 * sandbox with it. A torn last line was never acknowledged and is cut off on opening.
 */

import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { type Input, InputSchema } from '@sallyport/contracts/unit/v1/input';

export interface InputBounds {
  /** Inputs of one workload in all. */
  readonly inputs: number;
  /** Bytes of them in all, as they lie in the file. */
  readonly bytes: number;
}

export const inputBounds: InputBounds = { inputs: 10_000, bytes: 64 * 1024 * 1024 };

/** Bytes of one hand-over as JSON; the supervisor takes 4 MiB in one answer. */
const handOverBytes = 2 * 1024 * 1024;

interface Held {
  readonly number: bigint;
  readonly input: Input;
  readonly bytes: number;
}

/** Inputs in order; `first` is the number of the first. */
export interface HandOver {
  readonly inputs: Input[];
  readonly first: bigint;
}

export class InputLog {
  readonly #path: string;
  readonly #bounds: InputBounds;
  readonly #ids = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #waiting: Held[] = [];
  #last = 0n;
  #size = 0;
  #fd: number | undefined;

  constructor(path: string, bounds: InputBounds = inputBounds) {
    this.#path = path;
    this.#bounds = bounds;
    this.#recover();
  }

  /** Holds an input, or answers why it never will be. The same id again is held already. */
  hold(input: Input): 'held' | 'inputs_exhausted' {
    if (this.#ids.has(input.id)) return 'held';
    const line = `${JSON.stringify(toJson(InputSchema, input))}\n`;
    const bytes = Buffer.byteLength(line);
    if (this.#ids.size >= this.#bounds.inputs || this.#size + bytes > this.#bounds.bytes) return 'inputs_exhausted';
    this.#write(Buffer.from(line));
    this.#note(input, bytes);
    for (const listener of this.#listeners) listener();
    return 'held';
  }

  /** What follows the last number the supervisor took over; up to there nothing is handed over again. */
  after(taken: bigint): HandOver {
    this.#waiting = this.#waiting.filter(({ number }) => number > taken);
    let bytes = 0;
    const over = this.#waiting.findIndex((held, index) => (bytes += held.bytes) > handOverBytes && index > 0);
    const handed = over === -1 ? this.#waiting : this.#waiting.slice(0, over);
    return { inputs: handed.map(({ input }) => input), first: handed[0]?.number ?? 0n };
  }

  /** Calls back after every input that is held until the answer is called. */
  onHeld(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#listeners.clear();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #note(input: Input, bytes: number): void {
    this.#ids.add(input.id);
    this.#last += 1n;
    this.#size += bytes;
    this.#waiting.push({ number: this.#last, input, bytes });
  }

  #write(line: Uint8Array): void {
    this.#fd ??= openSync(this.#path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    for (let written = 0; written < line.length; ) {
      written += writeSync(this.#fd, line, written, line.length - written, this.#size + written);
    }
  }

  #recover(): void {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch {
      // Most workloads are never told more than their task.
      return;
    }
    for (const line of text.split('\n').slice(0, -1)) {
      const input = inputOf(line);
      if (input === undefined) break;
      this.#note(input, Buffer.byteLength(line) + 1);
    }
    this.#fd = openSync(this.#path, constants.O_RDWR | constants.O_NOFOLLOW);
    ftruncateSync(this.#fd, this.#size);
  }
}

function inputOf(line: string): Input | undefined {
  try {
    return fromJson(InputSchema, JSON.parse(line) as JsonValue);
  } catch {
    return undefined;
  }
}
