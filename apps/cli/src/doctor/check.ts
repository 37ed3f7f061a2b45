/** One thing that is looked at, and how it stands. */

export type CheckState = 'ok' | 'warn' | 'fail';

export interface Finding {
  readonly name: string;
  readonly state: CheckState;
  /** What was found. */
  readonly found: string;
  /** Why it matters; empty when all is well. */
  readonly cause: string;
  /** The command or change that helps; empty when all is well. */
  readonly next: string;
}

export const ok = (name: string, found: string): Finding => ({ name, state: 'ok', found, cause: '', next: '' });
export const warn = (name: string, found: string, cause: string, next: string): Finding => ({
  name,
  state: 'warn',
  found,
  cause,
  next,
});
export const fail = (name: string, found: string, cause: string, next: string): Finding => ({
  name,
  state: 'fail',
  found,
  cause,
  next,
});
