/** How often and how late a failed model call is tried again. */

import type { Trouble } from './model-trouble.ts';

export interface RetryPolicy {
  /** Tries in all. */
  readonly attempts: number;
  /** Milliseconds before the second try; doubles from there. */
  readonly baseMillis: number;
  /** Longest wait, also when the provider asks for more. */
  readonly maxMillis: number;
}

export const usualRetry: RetryPolicy = { attempts: 5, baseMillis: 500, maxMillis: 30_000 };

/**
 * Milliseconds to wait after the given failed try (from 1), or undefined to give up. `spread` in [0, 1) pulls callers apart that failed
 * together.
 */
export function retryWait(policy: RetryPolicy, attempt: number, trouble: Trouble, spread: number): number | undefined {
  if (!trouble.again || attempt >= policy.attempts) return undefined;
  const doubled = policy.baseMillis * 2 ** (attempt - 1);
  return Math.min(policy.maxMillis, trouble.waitMillis ?? Math.round(doubled * (0.75 + spread / 2)));
}
