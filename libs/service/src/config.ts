/** What every service is told by its environment, and how a wrong value is said. */

import { readFileSync, statSync } from 'node:fs';
import { Fault } from '@sallyport/core/fault';
import { z } from 'zod';

/** Variables common to all services. */
export const baseEnv = z.object({
  /** NATS, `nats://host:port`. */
  SALLY_NATS_URL: z.string().startsWith('nats://'),
  /** File that holds the service's nkey seed. */
  SALLY_NATS_SEED_FILE: z.string().min(1),
  /** Postgres URL of the service's own role; services without a store have none. */
  SALLY_DATABASE_URL: z.string().optional(),
  /** Where health is answered: `unix:/path` or `host:port`. */
  SALLY_HEALTH: z.string().default('127.0.0.1:0'),
  SALLY_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** OTLP/HTTP endpoint; absent means no telemetry leaves. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.string().optional(),
});

export type BaseEnv = z.infer<typeof baseEnv>;

/**
 * Parses an environment. One Fault names every variable that is missing or wrong, and never a value.
 */
export function parseEnv<S extends z.ZodType>(
  schema: S,
  env: Readonly<Record<string, string | undefined>>,
): z.infer<S> {
  const parsed = schema.safeParse(env);
  if (parsed.success) return parsed.data;
  const names = [...new Set(parsed.error.issues.map((issue) => issue.path.join('.') || '(all)'))];
  const why = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.code}`).join(', ');
  throw new Fault(
    'invalid_argument',
    'service.config',
    `the environment is not usable (${why}); set ${names.join(', ')} and start again`,
    { variables: names.join(',') },
  );
}

/**
 * A secret from a file, trimmed.
 *
 * @throws Fault `failed_precondition` / `service.secret_mode` when others than the owner may read it.
 */
export function readSecretFile(path: string): string {
  const mode = statSync(path).mode & 0o077;
  if (mode !== 0)
    throw new Fault(
      'failed_precondition',
      'service.secret_mode',
      `${path} can be read by others; run: chmod 600 ${path}`,
      { path },
    );
  return readFileSync(path, 'utf8').trim();
}
