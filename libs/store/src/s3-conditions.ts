/** Conditional writes: how they are said, and the proof that a server holds them. */

import { randomUUID } from 'node:crypto';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { PutConditions } from './object-store.ts';
import { isConflict, isRefusedCondition, s3Failed } from './s3-failure.ts';

/** A bucket and the place in it below which everything is. */
export interface S3Place {
  readonly client: S3Client;
  readonly bucket: string;
  /** Empty, or ends in a slash. */
  readonly root: string;
  readonly signal: () => { readonly abortSignal: AbortSignal };
}

export const conditionsOf = ({ ifAbsent, ifMatch }: PutConditions): { IfNoneMatch?: string; IfMatch?: string } => ({
  ...(ifAbsent === true ? { IfNoneMatch: '*' } : {}),
  ...(ifMatch === undefined ? {} : { IfMatch: ifMatch }),
});

/** Kept beside the objects; no key can name it. */
const probeName = '!sallyport/conditions';

/** An MD5 that the probe's content does not have. */
const noEtag = '"00000000000000000000000000000000"';

/** Proves that the server refuses a write whose condition does not hold; one that took it would lose writes unseen. */
export async function checkConditions({ client, bucket, root, signal }: S3Place): Promise<void> {
  const write = async (conditions: PutConditions): Promise<boolean> => {
    const request = { Bucket: bucket, Key: root + probeName, Body: Buffer.from(randomUUID()) };
    try {
      await client.send(new PutObjectCommand({ ...request, ...conditionsOf(conditions) }), signal());
      return true;
    } catch (error) {
      if (isRefusedCondition(error, false) || isConflict(error)) return false;
      throw s3Failed('be opened', error);
    }
  };
  // The first write is taken in a fresh bucket; the second never is.
  const ignored =
    ((await write({ ifAbsent: true })) && (await write({ ifAbsent: true }))) || (await write({ ifMatch: noEtag }));
  if (ignored)
    throw s3Failed('be opened', new Error('the server takes writes whose If-None-Match or If-Match does not hold'));
}
