/** What identity is told beyond the common variables. */

import type { BaseEnv } from '@sallyport/service/config';
import { z } from 'zod';

export const identityEnv = z.object({
  /** File of 32 random bytes, mode 0600, that seals the signing keys. */
  SALLY_IDENTITY_KEK_FILE: z.string().min(1),
});

export type IdentityConfig = BaseEnv & z.infer<typeof identityEnv>;
