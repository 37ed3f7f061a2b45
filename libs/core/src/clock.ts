/** Time comes in by this door, so that tests hold the hand of the clock. */

/** A source of time; abstract rather than an interface so that it can be injected by its name. */
export abstract class Clock {
  /** Wall time, milliseconds since the epoch. */
  abstract now(): number;
  /** Monotonic time in milliseconds with fractions; for durations only. */
  abstract monotonic(): number;
}

class SystemClock extends Clock {
  override now(): number {
    return Date.now();
  }

  override monotonic(): number {
    return performance.now();
  }
}

/** The machine's clock. */
export const systemClock: Clock = new SystemClock();

/** RFC 3339 in UTC with milliseconds. */
export const rfc3339 = (ms: number): string => new Date(ms).toISOString();
