/** Objects too large for one request: sent in parts, visible only by the one request that completes them. */

import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { Clock } from '@sallyport/core/clock';
import type { PutConditions } from './object-store.ts';
import { conditionsOf, type S3Place } from './s3-conditions.ts';

export interface PartsToPut {
  readonly client: S3Client;
  readonly object: { readonly Bucket: string; readonly Key: string };
  readonly metadata: Record<string, string>;
  readonly conditions: PutConditions;
  readonly parts: AsyncIterable<Uint8Array>;
  readonly signal: () => { readonly abortSignal: AbortSignal };
  /** Sends, again where that helps. */
  readonly send: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Sends one part while the next is made; holds two. On any failure the parts are given back to the server. */
export async function putParts(put: PartsToPut): Promise<{ readonly size: number; readonly etag: string | undefined }> {
  const { client, object, signal } = put;
  const begun = await client.send(
    new CreateMultipartUploadCommand({
      ...object,
      Metadata: put.metadata,
      ChecksumAlgorithm: 'CRC32',
      // One sum over the whole object, which a reader of the whole can check.
      ChecksumType: 'FULL_OBJECT',
    }),
    signal(),
  );
  const upload = { ...object, UploadId: begun.UploadId };
  try {
    const { size, parts } = await sendParts(put, upload);
    const { ETag } = await client.send(
      new CompleteMultipartUploadCommand({
        ...upload,
        MultipartUpload: { Parts: parts },
        ...conditionsOf(put.conditions),
      }),
      signal(),
    );
    return { size, etag: ETag };
  } catch (error) {
    // Also after a completion whose outcome is unknown: what was completed is no longer there to abort.
    await client.send(new AbortMultipartUploadCommand(upload), signal()).catch(() => undefined);
    throw error;
  }
}

interface Upload {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string | undefined;
}

async function sendParts(
  { client, parts, signal, send }: PartsToPut,
  upload: Upload,
): Promise<{ readonly size: number; readonly parts: CompletedPart[] }> {
  const done: CompletedPart[] = [];
  let size = 0;
  let sending: Promise<void> = Promise.resolve();
  const one = async (Body: Uint8Array, PartNumber: number): Promise<void> => {
    const part = new UploadPartCommand({ ...upload, PartNumber, Body, ChecksumAlgorithm: 'CRC32' });
    const { ETag, ChecksumCRC32 } = await send(() => client.send(part, signal()));
    done.push({ PartNumber, ETag, ChecksumCRC32 });
  };
  try {
    for await (const part of parts) {
      await sending;
      size += part.length;
      sending = one(part, done.length + 1);
      // Looked at with the next part; until then a rejection is not an unhandled one.
      sending.catch(() => undefined);
    }
    await sending;
  } finally {
    // Nothing is on its way when the upload is aborted.
    await sending.catch(() => undefined);
  }
  return { size, parts: done };
}

const tornMs = 24 * 60 * 60 * 1000;

/** Aborts uploads begun more than a day ago: nobody sends for so long, and their parts take room that no listing shows. */
export async function dropTornUploads({ client, bucket, root, signal }: S3Place, clock: Clock): Promise<void> {
  const found = await client
    .send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: root }), signal())
    // A server need not list uploads, nor let these credentials do so; torn uploads are then its lifecycle rule's.
    .catch(() => undefined);
  for (const { Key, UploadId, Initiated } of found?.Uploads ?? []) {
    if (Initiated === undefined || clock.now() - Initiated.getTime() < tornMs) continue;
    await client
      .send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }), signal())
      .catch(() => undefined);
  }
}
