/** What a part of the wide circle is to the run: had on demand, asked to act, ended. */

/** A part that stands. */
export interface Provided<T> {
  readonly value: T;
  /** What a spec may ask of it by name; each answers the part's value anew, or anything that is JSON. */
  readonly actions?: Readonly<Record<string, (body: unknown) => Promise<unknown>>>;
  /** Leaves nothing behind but the cache. */
  stop(): Promise<void>;
}

/** Gets, starts and answers a part; `say` tells a person what takes its time. */
export type Provide<T> = (say: (line: string) => void) => Promise<Provided<T>>;
