/** Structured logs on standard output, one JSON object a line, secrets struck out. */

import { pino } from 'pino';

/** Bearer keys, compact tokens, and PEM blocks, wherever they stand in a value. */
const secretForms = [
  /sally_[A-Za-z0-9_-]{20,}/g,
  /eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+/g,
  /-----BEGIN [^-]+-----[\s\S]*?-----END [^-]+-----/g,
];

/** Field names whose values never reach a log. */
const secretNames = /^(?:authorization|cookie|dpop|password|secret|seed|token|proof|api_?key|private_?key)$/i;

/** A copy of a value fit for a log: secrets struck out, errors flattened, depth bounded. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return secretForms.reduce((text, form) => text.replace(form, '[redacted]'), value);
  if (value === null || typeof value !== 'object') return typeof value === 'bigint' ? value.toString() : value;
  if (depth > 5) return '[deep]';
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, 50).map((entry) => redact(entry, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [
      name,
      secretNames.test(name) ? '[redacted]' : redact(entry, depth + 1),
    ]),
  );
}

const redactError = (error: Error, depth: number): unknown => ({
  name: error.name,
  message: redact(error.message),
  ...('reason' in error ? { reason: error.reason } : {}),
  stack: redact(error.stack ?? ''),
  ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1) }),
});

export type Fields = Readonly<Record<string, unknown>>;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Where a service writes. */
export class Log {
  readonly #sink: ReturnType<typeof pino>;

  constructor(service: string, level: LogLevel = 'info') {
    this.#sink = pino({
      base: { service },
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    });
  }

  debug(fields: Fields, message: string): void {
    if (this.#sink.isLevelEnabled('debug')) this.#sink.debug(redact(fields), message);
  }

  info(fields: Fields, message: string): void {
    this.#sink.info(redact(fields), message);
  }

  warn(fields: Fields, message: string): void {
    this.#sink.warn(redact(fields), message);
  }

  error(fields: Fields, message: string): void {
    this.#sink.error(redact(fields), message);
  }
}
