/** One client of an S3 server: whose it is, how long it waits, how often it tries. */

import { readFile, stat } from 'node:fs/promises';
import { S3Client } from '@aws-sdk/client-s3';
import { Fault } from '@sallyport/core/fault';
import { checkKey } from './object-store.ts';

/** Where a bucket is and what opens it. */
export interface S3Settings {
  /** Address of an S3 server that is not Amazon's, `https://host:port`. */
  readonly endpoint?: string | undefined;
  readonly region: string;
  readonly bucket: string;
  /** Every object is below it; a key, so no slash at either end. */
  readonly prefix?: string | undefined;
  /** File that holds the access key id; mode 0600. */
  readonly accessKeyFile: string;
  /** File that holds the secret access key; mode 0600. */
  readonly secretKeyFile: string;
}

/** Milliseconds and counts that bound one request; a test shortens them. */
export interface S3Bounds {
  readonly connectMs: number;
  /** Without a byte in either direction. */
  readonly silenceMs: number;
  /** One attempt until its answer begins. */
  readonly answerMs: number;
  /** One request with all its attempts, its body included. */
  readonly wholeMs: number;
  readonly attempts: number;
}

export const s3Bounds: S3Bounds = {
  connectMs: 3_000,
  silenceMs: 15_000,
  answerMs: 60_000,
  wholeMs: 180_000,
  attempts: 4,
};

const credentialsRefused = (path: string, why: string): Fault =>
  new Fault(
    'failed_precondition',
    'store.bucket_credentials',
    `the credential file ${path} ${why}; it must hold one line and be readable by this user alone (chmod 600)`,
    { path },
  );

async function credential(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw credentialsRefused(path, 'is missing');
  if (!found.isFile()) throw credentialsRefused(path, 'is not a regular file');
  if ((found.mode & 0o077) !== 0) throw credentialsRefused(path, 'is open to others');
  const value = await readFile(path, 'utf8').catch(() => {
    throw credentialsRefused(path, 'cannot be read');
  });
  const line = value.trim();
  if (!/^[\x21-\x7e]{1,512}$/.test(line)) throw credentialsRefused(path, 'does not hold one line of plain characters');
  return line;
}

/**
 * A client that takes nothing from the machine's own AWS configuration.
 *
 * @throws Fault `store.bucket_credentials` when a key file is missing, open to others or no key.
 */
export async function s3Client(settings: S3Settings, bounds: S3Bounds = s3Bounds): Promise<S3Client> {
  if (settings.prefix !== undefined) checkKey(settings.prefix);
  const [accessKeyId, secretAccessKey] = await Promise.all([
    credential(settings.accessKeyFile),
    credential(settings.secretKeyFile),
  ]);
  return new S3Client({
    region: settings.region,
    ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint, forcePathStyle: true }),
    credentials: { accessKeyId, secretAccessKey },
    ignoreConfiguredEndpointUrls: true,
    maxAttempts: bounds.attempts,
    retryMode: 'standard',
    // Both default to this; said because the integrity of what is stored and served rests on it.
    requestChecksumCalculation: 'WHEN_SUPPORTED',
    responseChecksumValidation: 'WHEN_SUPPORTED',
    requestHandler: {
      connectionTimeout: bounds.connectMs,
      requestTimeout: bounds.answerMs,
      throwOnRequestTimeout: true,
      socketTimeout: bounds.silenceMs,
    },
  });
}
