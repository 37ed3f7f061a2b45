/** One at a time per key, in order of arrival; different keys do not wait for each other. */

export class KeyedMutex {
  readonly #tails = new Map<string, Promise<unknown>>();

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    const tail = mine.then(
      () => undefined,
      () => undefined,
    );
    this.#tails.set(key, tail);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }

  /** Keys somebody holds or waits for. */
  get size(): number {
    return this.#tails.size;
  }
}

/** Creates and stops of one workload, one at a time: a class of its own so that all of them wait at the same door. */
export class WorkloadLocks extends KeyedMutex {}
