/** What audit is told beyond the common variables. The only reader of the environment. */

import { dirname, join } from 'node:path';
import type { BaseEnv } from '@sallyport/service/config';
import { z } from 'zod';

export const auditEnv = z
  .object({
    /** Ed25519 private key of the log, PKCS #8 PEM, mode 0600; made on first start. Not a token key. */
    SALLY_AUDIT_KEY_FILE: z.string().min(1),
    /** Directory, outside the database, that keeps the newest checkpoint of every log; beside the key file when absent. */
    SALLY_AUDIT_ANCHOR_DIR: z.string().min(1).optional(),
    /** Seconds between two readings of every log from its first event. */
    SALLY_AUDIT_SWEEP_SECONDS: z.coerce.number().int().min(1).default(600),
  })
  .transform((env) => ({
    ...env,
    SALLY_AUDIT_ANCHOR_DIR: env.SALLY_AUDIT_ANCHOR_DIR ?? join(dirname(env.SALLY_AUDIT_KEY_FILE), 'audit-anchors'),
  }));

export type AuditConfig = z.infer<typeof auditEnv>;

/** Configuration as a started service sees it. */
export type StartedConfig = BaseEnv & AuditConfig;

export const environment: Readonly<Record<string, string | undefined>> = process.env;
