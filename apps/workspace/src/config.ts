/** What the workspace service is told beyond the common variables. */

import type { BaseEnv } from '@sallyport/service/config';
import type { BucketSettings } from '@sallyport/store/bucket';
import { z } from 'zod';

const path = z.string().startsWith('/').optional();
const bytes = (fallback: number) => z.coerce.number().int().positive().default(fallback);

const variables = z.object({
  /** Directory that is the bucket; or the bucket of an S3 server, below. */
  SALLY_BUCKET_DIR: path,
  /** Bucket of an S3 server. */
  SALLY_S3_BUCKET: z.string().min(1).optional(),
  /** Address of a server that is not Amazon's, `https://host:port`. */
  SALLY_S3_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  SALLY_S3_REGION: z.string().min(1).default('us-east-1'),
  /** Everything is below it, so that installations can share a bucket; no slash at either end. */
  SALLY_S3_PREFIX: z.string().min(1).optional(),
  /** Files of one line each, mode 0600: the access key id and the secret access key. */
  SALLY_S3_ACCESS_KEY_FILE: path,
  SALLY_S3_SECRET_KEY_FILE: path,
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

/** One bucket, either kind, and S3 with its keys. */
const problem = ({ SALLY_BUCKET_DIR, ...env }: z.infer<typeof variables>): string | undefined => {
  if (env.SALLY_S3_BUCKET === undefined) return SALLY_BUCKET_DIR === undefined ? 'SALLY_BUCKET_DIR' : undefined;
  if (SALLY_BUCKET_DIR !== undefined) return 'SALLY_BUCKET_DIR';
  if (env.SALLY_S3_ACCESS_KEY_FILE === undefined) return 'SALLY_S3_ACCESS_KEY_FILE';
  return env.SALLY_S3_SECRET_KEY_FILE === undefined ? 'SALLY_S3_SECRET_KEY_FILE' : undefined;
};

export const workspaceEnv = variables.superRefine((env, context) => {
  const name = problem(env);
  if (name !== undefined)
    context.addIssue({ code: 'custom', path: [name], message: 'one bucket: a directory, or S3 with both key files' });
});

/** The bucket that the variables name. */
export function bucketOf(config: z.infer<typeof variables>): BucketSettings {
  if (config.SALLY_S3_BUCKET === undefined) return { kind: 'directory', path: config.SALLY_BUCKET_DIR ?? '' };
  return {
    kind: 's3',
    s3: {
      endpoint: config.SALLY_S3_ENDPOINT,
      region: config.SALLY_S3_REGION,
      bucket: config.SALLY_S3_BUCKET,
      prefix: config.SALLY_S3_PREFIX,
      accessKeyFile: config.SALLY_S3_ACCESS_KEY_FILE ?? '',
      secretKeyFile: config.SALLY_S3_SECRET_KEY_FILE ?? '',
    },
  };
}

export type WorkspaceConfig = BaseEnv & z.infer<typeof workspaceEnv>;
