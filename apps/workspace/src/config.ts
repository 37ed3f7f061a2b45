/** What the workspace service is told beyond the common variables. */

import type { BaseEnv } from '@sallyport/service/config';
import { z } from 'zod';

const bytes = (fallback: number) => z.coerce.number().int().positive().default(fallback);

export const workspaceEnv = z.object({
  /** Directory that is the bucket. */
  SALLY_BUCKET_DIR: z.string().startsWith('/'),
  /** File of 32 random bytes, mode 0600, that wraps the data keys. */
  SALLY_ROOT_KEY_FILE: z.string().startsWith('/'),
  /** Working cache; plaintext, made 0700 and emptied at start. */
  SALLY_WORKSPACE_DIR: z.string().startsWith('/'),
  /** Bytes of one upload at most. */
  SALLY_UPLOAD_BYTES: bytes(1024 * 1024 * 1024),
  /** Objects of one upload at most. */
  SALLY_UPLOAD_OBJECTS: bytes(2_000_000),
  /** Bytes of one git object at most, inflated. */
  SALLY_OBJECT_BYTES: bytes(512 * 1024 * 1024),
  /** Uploads and downloads of one org at a time. */
  SALLY_TRANSFERS: bytes(16),
  /** Seconds after which a lease that nobody ended may be taken over by another run. */
  SALLY_MOUNT_LEASE_SECONDS: bytes(24 * 60 * 60),
});

export type WorkspaceConfig = BaseEnv & z.infer<typeof workspaceEnv>;
