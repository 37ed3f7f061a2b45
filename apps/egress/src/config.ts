/** What egress is told beyond the common variables. */

import type { BaseEnv } from '@sallyport/service/config';
import { z } from 'zod';

export const egressEnv = z.object({
  /** Unix socket on which the edges of this machine connect. */
  SALLY_EGRESS_SOCKET: z.string().startsWith('/'),
  /** Who may open it: the owner, or the owner's group too. */
  SALLY_EGRESS_SOCKET_MODE: z.enum(['0600', '0660']).default('0600'),
  /** Milliseconds a connection may stay without a first byte. */
  SALLY_EGRESS_FIRST_BYTE_MS: z.coerce.number().int().positive().default(10_000),
  /** Folder of provider credentials, one file each, mode 0600; without it a provider that needs one cannot be used. */
  SALLY_EGRESS_CREDENTIALS_DIR: z.string().startsWith('/').optional(),
  /** PEM file of certificate authorities that providers of one's own are signed by, beside the public ones. */
  SALLY_EGRESS_CA_FILE: z.string().startsWith('/').optional(),
  /** Days a decision can be asked about. */
  SALLY_EGRESS_DECISION_DAYS: z.coerce.number().int().positive().default(30),
});

export type EgressConfig = BaseEnv & z.infer<typeof egressEnv>;
