/** Cuts a stream of buffers into answers of a bounded size. */

export class Chunks {
  readonly #source: AsyncIterator<Buffer>;
  readonly #size: number;
  #rest: Buffer = Buffer.alloc(0);
  #ended = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(source: AsyncGenerator<Buffer>, size: number) {
    this.#source = source;
    this.#size = size;
  }

  /** The next bytes; calls that overlap are answered one after the other. */
  next(): Promise<{ data: Buffer; end: boolean }> {
    const answer = this.#last.then(() => this.#take());
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async #take(): Promise<{ data: Buffer; end: boolean }> {
    const parts = [this.#rest];
    let length = this.#rest.length;
    // One byte more than is answered, so that the last answer knows that it is the last.
    while (length <= this.#size && !this.#ended) {
      const { value, done } = await this.#source.next();
      if (done === true) this.#ended = true;
      else {
        parts.push(value);
        length += value.length;
      }
    }
    const all = Buffer.concat(parts, length);
    this.#rest = all.subarray(this.#size);
    return { data: all.subarray(0, this.#size), end: this.#ended && this.#rest.length === 0 };
  }
}
