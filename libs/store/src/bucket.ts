/** Which bucket, by configuration; the S3 client is loaded only where S3 is used. */

import { DirectoryStore } from './directory-store.ts';
import type { ObjectStore } from './object-store.ts';
import type { S3Settings } from './s3-client.ts';

export type BucketSettings =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 's3'; readonly s3: S3Settings };

/** @throws Fault `store.bucket` when it cannot be used, `store.bucket_credentials`. */
export async function openBucket(settings: BucketSettings): Promise<ObjectStore> {
  if (settings.kind === 'directory') return await DirectoryStore.open(settings.path);
  const { S3Store } = await import('./s3-store.ts');
  return await S3Store.open(settings.s3);
}
