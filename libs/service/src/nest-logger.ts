/** Nest's own messages, in the service's log. */

import type { LoggerService } from '@nestjs/common';
import type { Log } from './log.ts';

/** Start-up chatter is debug; warnings and errors keep their level. */
export function nestLogger(log: Log): LoggerService {
  const text = (message: unknown): string => (message instanceof Error ? message.message : String(message));
  return {
    log: (message) => log.debug({ nest: true }, text(message)),
    debug: (message) => log.debug({ nest: true }, text(message)),
    verbose: (message) => log.debug({ nest: true }, text(message)),
    warn: (message) => log.warn({ nest: true }, text(message)),
    error: (message, ...rest) =>
      log.error({ nest: true, error: message instanceof Error ? message : rest }, text(message)),
    fatal: (message) => log.error({ nest: true }, text(message)),
  };
}
