/**
 * Paths left out of a capture, with the reason: as many as a person reads, and a count of the rest.
 *
 * What is left out is the agent's to choose, and what is named here travels in events and reports, so it has a bound of its own.
 */

/** Most paths named, and most bytes of them together. */
const maxNamed = 100;
const maxNamedBytes = 16 * 1024;

/** Stands for the paths that are counted only; no file has it. */
export const unnamed = '';

export class Refusals {
  readonly #named: Record<string, string> = {};
  #bytes = 0;
  #paths = 0;
  #count = 0;

  /** Adds a path, latin1, a character per byte. */
  add(path: string, reason: string): void {
    this.#count += 1;
    this.#bytes += path.length;
    if (this.#paths === maxNamed || this.#bytes > maxNamedBytes) {
      this.#bytes = maxNamedBytes;
      return;
    }
    this.#paths += 1;
    this.#named[Buffer.from(path, 'latin1').toString('utf8')] = reason;
  }

  /** Paths refused in all. */
  get count(): number {
    return this.#count;
  }

  /** Reason by path; under the empty path how many more there are, when there are. */
  get named(): Readonly<Record<string, string>> {
    const more = this.#count - this.#paths;
    return more === 0 ? { ...this.#named } : { ...this.#named, [unnamed]: `and ${more} more` };
  }
}
