/** The form of every refusal of a request field. */

import { Fault } from '@sallyport/core/fault';

/** A request field that breaks a rule; `pointer` is an RFC 6901 pointer into the request. */
export const invalid = (
  reason: string,
  pointer: string,
  message: string,
  detail: Readonly<Record<string, string>> = {},
): Fault => new Fault('invalid_argument', reason, message, { pointer, ...detail });
