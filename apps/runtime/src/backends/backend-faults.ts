/** The reasons a backend refuses or fails for; they are part of docs/faults/runtime.md. */

import { Fault } from '@sallyport/core/fault';

export const isolationMissing = (what: string, cause: string): Fault =>
  new Fault(
    'failed_precondition',
    'runtime.isolation_missing',
    `this edge cannot hold an agent: ${cause}. Nothing was started; "sally doctor" checks the machine`,
    { missing: what },
  );

export const startFailed = (id: string, said: string): Fault =>
  new Fault('unavailable', 'runtime.start_failed', `the sandbox did not come up: ${said}`, { id });

export const mountRefused = (name: string, why: string): Fault =>
  new Fault('invalid_argument', 'runtime.mount_refused', `the mount cannot be bound: ${why}`, {
    mount: name.slice(0, 63),
  });

export const killUnconfirmed = (id: string): Fault =>
  new Fault('unavailable', 'runtime.kill_unconfirmed', `something of ${id} is still alive after SIGKILL; try again`, {
    id,
  });

export const notRunning = (id: string): Fault =>
  new Fault('failed_precondition', 'runtime.not_running', `${id} is gone, so the substrate has nothing to say of it`, {
    id,
  });

export const stillAlive = (id: string): Fault =>
  new Fault('failed_precondition', 'runtime.still_alive', `${id} is alive; end it before its files are cleared`, {
    id,
  });

export const limitRefused = (limit: string, asked: number, most: number, profile: string): Fault =>
  new Fault(
    'invalid_argument',
    'runtime.limit_refused',
    `${limit} must lie between 0 and ${most} under the profile ${profile}; ask for less or name a larger profile`,
    { limit, asked: String(asked), most: String(most), profile },
  );

export const engineUnreachable = (what: string, cause: unknown): Fault =>
  new Fault(
    'unavailable',
    'runtime.engine_unreachable',
    `the container engine does not answer (${what}); start it again: what runs goes on meanwhile`,
    { asked: what },
    { cause },
  );
