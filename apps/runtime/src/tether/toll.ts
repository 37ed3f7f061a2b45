/**
 * What one workload's calls cost this process, in bytes of its share. Not only what it says counts: each event is stamped, kept and told by
 * itself, and an answer has to be written. Who has used up the share waits, and nobody else.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '@sallyport/core/clock';
import { Flow } from './flow.ts';
import type { TetherCall } from './tether-server.ts';

export interface TollOptions {
  readonly clock: Clock;
  /** Waits for milliseconds, or until nobody waits for the call any more. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

const bytesPerSecond = 16 * 1024 * 1024;
/** What a call costs at least: one workload gets about a thousand a second. */
const callBytes = 16 * 1024;
/** What an event costs beside its bytes: one workload gets about four thousand a second. */
const eventBytes = 4 * 1024;

const sleepFor = async (ms: number, signal: AbortSignal): Promise<void> => {
  await delay(ms, undefined, { signal }).catch(() => undefined);
};

export class Toll {
  readonly #flow: Flow;
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>;

  constructor({ clock, sleep = sleepFor }: TollOptions) {
    this.#flow = new Flow({ bytesPerSecond, burstBytes: bytesPerSecond, clock });
    this.#sleep = sleep;
  }

  /** The same call, paid for: what it says before it is heard, what it is answered by whoever calls next. */
  on(call: TetherCall): TetherCall {
    return async (body, signal) => {
      await this.#pay(Math.max(body.length, callBytes), signal);
      const answer = await call(body, signal);
      this.#flow.take(answer.length);
      return answer;
    };
  }

  /** Pays for events before they are taken. */
  events(count: number, signal: AbortSignal): Promise<void> {
    return this.#pay(count * eventBytes, signal);
  }

  async #pay(bytes: number, signal: AbortSignal): Promise<void> {
    const wait = this.#flow.take(bytes);
    if (wait > 1) await this.#sleep(wait, signal);
  }
}
