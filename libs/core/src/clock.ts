/** Time comes in by this door, so that tests hold the hand of the clock. */

export interface Clock {
  /** Wall time, milliseconds since the epoch. */
  now(): number;
  /** Monotonic time in milliseconds with fractions; for durations only. */
  monotonic(): number;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/** RFC 3339 in UTC with milliseconds. */
export const rfc3339 = (ms: number): string => new Date(ms).toISOString();
