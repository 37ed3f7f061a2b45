/** Why a mount could not be prepared or captured; documented in docs/faults/runtime.md. */

import { Fault } from '@sallyport/core/fault';

export const mountCheckout = (step: string, stderr: string): Fault =>
  new Fault(
    'internal',
    'runtime.mount_checkout',
    `git could not ${step}; the edge's cache or disk is at fault, empty the cache directory and see that there is room`,
    { step },
    { cause: new Error(stderr.slice(0, 2000)) },
  );

export const mountTooLarge = (limit: string, at: number): Fault =>
  new Fault(
    'resource_exhausted',
    'runtime.mount_too_large',
    `the workspace holds more than ${at} ${limit}; remove files, or raise the limit of the edge`,
    { limit, at: String(at) },
  );

export const mountRecord = (): Fault =>
  new Fault(
    'internal',
    'runtime.mount_record',
    'the record of the checkout is missing or damaged, so changes cannot be told apart; the mount is released without a commit',
  );
