/** Where an installation keeps its objects: chosen once, remembered in the data folder, changed only to a bucket that has them all. */

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Fault } from '@sallyport/core/fault';
import { type BucketSettings, openBucket } from '@sallyport/store/bucket';
import type { ObjectStore } from '@sallyport/store/object-store';
import { corrupt, type Layout } from './layout.ts';

/** How a person says a bucket. */
export const bucketForms = 'dir:PATH, or s3:NAME[/PREFIX] with SALLY_S3_* set';

/** Reads `dir:PATH` or `s3:NAME[/PREFIX]`; what opens an S3 bucket comes from the environment, keys by file. */
export function parseBucket(text: string, env: Readonly<Record<string, string | undefined>>): BucketSettings {
  const [, kind, rest = ''] = /^(dir|s3):(.+)$/.exec(text) ?? [];
  if (kind === 'dir') return { kind: 'directory', path: resolve(rest) };
  const [, bucket, prefix] = /^([a-z0-9][a-z0-9.-]{1,62})(?:\/(.+))?$/.exec(rest) ?? [];
  if (kind !== 's3' || bucket === undefined) throw usage(`a bucket is ${bucketForms}; not ${JSON.stringify(text)}`);
  const file = (name: string): string => {
    const path = env[name];
    if (path === undefined || path === '') throw usage(`s3:${bucket} needs ${name}, a file of one line and mode 0600`);
    return resolve(path);
  };
  return {
    kind: 's3',
    s3: {
      endpoint: env['SALLY_S3_ENDPOINT'],
      region: env['SALLY_S3_REGION'] ?? 'us-east-1',
      bucket,
      prefix,
      accessKeyFile: file('SALLY_S3_ACCESS_KEY_FILE'),
      secretKeyFile: file('SALLY_S3_SECRET_KEY_FILE'),
    },
  };
}

const usage = (what: string): Fault => new Fault('invalid_argument', 'start.usage', what);

/** A bucket as a person says it. */
export const bucketName = (bucket: BucketSettings): string =>
  bucket.kind === 'directory'
    ? `dir:${bucket.path}`
    : `s3:${bucket.s3.bucket}${bucket.s3.prefix === undefined ? '' : `/${bucket.s3.prefix}`}`;

/** What the workspace service is told. */
export function bucketEnv(bucket: BucketSettings): Readonly<Record<string, string>> {
  if (bucket.kind === 'directory') return { SALLY_BUCKET_DIR: bucket.path };
  const { endpoint, prefix, region, accessKeyFile, secretKeyFile } = bucket.s3;
  return {
    SALLY_S3_BUCKET: bucket.s3.bucket,
    SALLY_S3_REGION: region,
    SALLY_S3_ACCESS_KEY_FILE: accessKeyFile,
    SALLY_S3_SECRET_KEY_FILE: secretKeyFile,
    ...(endpoint === undefined ? {} : { SALLY_S3_ENDPOINT: endpoint }),
    ...(prefix === undefined ? {} : { SALLY_S3_PREFIX: prefix }),
  };
}

/** The bucket of an installation; another one is taken only when it has every object of the one before. */
export async function chooseBucket(layout: Layout, chosen: BucketSettings | undefined): Promise<BucketSettings> {
  const before = remembered(layout);
  if (chosen === undefined) return before;
  if (bucketName(chosen) !== bucketName(before)) await assertHasAll(before, chosen);
  if (bucketName(chosen) === bucketName(own(layout))) rmSync(layout.bucketChoice, { force: true });
  else writeFileSync(layout.bucketChoice, JSON.stringify(chosen), { mode: 0o600 });
  return chosen;
}

/** The directory in the data folder, which moves along with it. */
const own = ({ bucket }: Layout): BucketSettings => ({ kind: 'directory', path: bucket });

function remembered(layout: Layout): BucketSettings {
  const { data, bucketChoice } = layout;
  if (!existsSync(bucketChoice)) return own(layout);
  try {
    const { kind, ...rest } = JSON.parse(readFileSync(bucketChoice, 'utf8')) as BucketSettings;
    if (kind === 'directory' || kind === 's3') return { kind, ...rest } as BucketSettings;
  } catch {
    // Said below.
  }
  throw corrupt(data, 'bucket.json is not readable');
}

async function assertHasAll(before: BucketSettings, chosen: BucketSettings): Promise<void> {
  const [from, to] = await Promise.all([openBucket(before), openBucket(chosen)]);
  const missing = await missingIn(to, from);
  if (missing === 0) return;
  const [old, fresh] = [bucketName(before), bucketName(chosen)];
  throw new Fault(
    'failed_precondition',
    'start.bucket_behind',
    `${missing} objects of ${old} are not in ${fresh}; copy them first: npm run objects -- copy --from ${old} --to ${fresh}`,
    { missing: String(missing) },
  );
}

/** How many keys of one bucket another does not have. Both list in byte order, so one pass over each is enough. */
async function missingIn(other: ObjectStore, bucket: ObjectStore): Promise<number> {
  const there = other.list('')[Symbol.asyncIterator]();
  let next = await there.next();
  let missing = 0;
  for await (const key of bucket.list('')) {
    while (next.done !== true && next.value < key) next = await there.next();
    if (next.done === true || next.value !== key) missing += 1;
  }
  return missing;
}
