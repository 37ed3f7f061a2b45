/** Brings a verifier up and keeps its rings fresh: keys every 5 s, revocations every 500 ms and whenever one is pushed. */

import type { Clock } from '@sallyport/core/clock';
import { type EpochPage, type EpochRecord, EpochRing } from './epoch-ring.ts';
import { KeyRing, type KeySet } from './key-ring.ts';
import { chainIssuer } from './token-class.ts';
import { Verifier } from './verifier.ts';

export const keyRefreshMs = 5_000;
export const epochRefreshMs = 500;
const startRetryMs = 200;

export interface TrustOptions {
  /** Name of the service that verifies. */
  readonly audience: string;
  /** Identity's ListPublicKeys. */
  readonly fetchKeys: () => Promise<KeySet>;
  /** Identity's ListEpochs. */
  readonly fetchEpochs: (afterVersion: bigint) => Promise<EpochPage>;
  /** Registers a listener for pushed epochs; answers how to take it off. */
  readonly onEpochPush: (listener: (epoch: EpochRecord) => void) => () => void;
  readonly clock: Clock;
  /** As in VerifierOptions. */
  readonly methodAudiences?: Readonly<Record<string, string>>;
  /** Hears of refreshes that failed; the rings go on with what they have. */
  readonly onFailure?: (what: 'keys' | 'epochs', cause: unknown) => void;
  /** Ends the wait for identity at start. */
  readonly signal?: AbortSignal;
}

export interface Trust {
  readonly verifier: Verifier;
  readonly stop: () => void;
}

/** Runs `task` over and over, `everyMs` after the end of each run, until stopped. */
function repeat(everyMs: number, task: () => Promise<void>): () => void {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const next = (): void => {
    if (!stopped) timer = setTimeout(() => void task().finally(next), everyMs).unref();
  };
  next();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function untilAnswered(
  task: () => Promise<unknown>,
  options: TrustOptions,
  what: 'keys' | 'epochs',
): Promise<void> {
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      await task();
      return;
    } catch (cause) {
      options.onFailure?.(what, cause);
      await pause(startRetryMs);
    }
  }
}

/** Resolves once both rings were filled; retries until identity answers or the signal aborts. */
export async function startTrust(options: TrustOptions): Promise<Trust> {
  const keys = new KeyRing({ issuer: chainIssuer, source: options.fetchKeys, clock: options.clock });
  const epochs = new EpochRing({ source: options.fetchEpochs, clock: options.clock });
  // Listening starts before the first fetch: what is pushed in between is in one of the two.
  const unlisten = options.onEpochPush((epoch) => epochs.take(epoch));
  const report = (what: 'keys' | 'epochs') => (cause: unknown) => options.onFailure?.(what, cause);
  try {
    await Promise.all([
      untilAnswered(() => keys.refresh(), options, 'keys'),
      untilAnswered(() => epochs.refresh(), options, 'epochs'),
    ]);
  } catch (cause) {
    unlisten();
    throw cause;
  }
  const stops = [
    repeat(keyRefreshMs, () => keys.refresh().catch(report('keys'))),
    repeat(epochRefreshMs, () => epochs.refresh().catch(report('epochs'))),
    unlisten,
  ];
  const { audience, clock, methodAudiences } = options;
  const verifier = new Verifier({ audience, keys, epochs, clock, ...(methodAudiences && { methodAudiences }) });
  return { verifier, stop: () => stops.forEach((stop) => stop()) };
}
