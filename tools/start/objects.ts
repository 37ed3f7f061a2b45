/** `npm run objects`: moves an installation's objects from one bucket to another. */

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Fault } from '@sallyport/core/fault';
import { type BucketSettings, openBucket } from '@sallyport/store/bucket';
import { bucketForms, bucketName, parseBucket } from './bucket.ts';
import { copyObjects } from './copy-objects.ts';
import { takeLock } from './lock.ts';
import { out, runCommand } from './operator-command.ts';
import { defaultData } from './options.ts';

const usage = `npm run objects -- copy --from BUCKET --to BUCKET [--data DIR]

  BUCKET          ${bucketForms}
  --data DIR      the installation that must not run meanwhile (default .sally); one beside a dir: bucket is found by itself

Every object is copied, read back and compared. What is there already is compared and never overwritten. Run again after a break it goes on.
SALLY_S3_ENDPOINT, SALLY_S3_REGION, SALLY_S3_ACCESS_KEY_FILE and SALLY_S3_SECRET_KEY_FILE open an s3: bucket.`;

const exitCodes: Readonly<Record<string, number>> = { 'start.usage': 2, 'start.running': 6, 'objects.differ': 6 };

interface Copy {
  readonly from: BucketSettings;
  readonly to: BucketSettings;
  readonly data: string;
}

function parse(argv: readonly string[]): Copy | 'help' {
  const { values, positionals } = read(argv);
  if (values.help === true) return 'help';
  if (positionals.length !== 1 || positionals[0] !== 'copy') throw usageFault('say what to do: copy');
  if (values.from === undefined || values.to === undefined) throw usageFault('copy needs --from and --to');
  const copy = {
    from: parseBucket(values.from, process.env),
    to: parseBucket(values.to, process.env),
    data: resolve(values.data ?? defaultData),
  };
  if (bucketName(copy.from) === bucketName(copy.to)) throw usageFault('--from and --to are the same bucket');
  if (copy.from.kind === 'directory' && !existsSync(copy.from.path))
    throw usageFault(`there is no directory ${copy.from.path}`);
  return copy;
}

function read(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        from: { type: 'string' },
        to: { type: 'string' },
        data: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw usageFault(error instanceof Error ? error.message : String(error));
  }
}

const usageFault = (what: string): Fault => new Fault('invalid_argument', 'start.usage', `${what}\n\n${usage}`);

/** Holds every installation that this copy touches: a start meanwhile is refused, as is a copy while one runs. */
function hold({ from, to, data }: Copy): () => void {
  const beside = [from, to].flatMap((bucket) => (bucket.kind === 'directory' ? [dirname(bucket.path)] : []));
  const held = [...new Set([data, ...beside])].filter((folder) => existsSync(join(folder, 'format.json')));
  const release: (() => void)[] = [];
  try {
    for (const folder of held) release.push(takeLock(join(folder, 'lock'), 'npm run objects'));
  } catch (error) {
    for (const free of release) free();
    throw error;
  }
  return () => {
    for (const free of release) free();
  };
}

async function copy(wish: Copy): Promise<void> {
  const release = hold(wish);
  try {
    const [from, to] = await Promise.all([openBucket(wish.from), openBucket(wish.to)]);
    let seen = 0;
    const { copied, present, differing } = await copyObjects(from, to, () => {
      seen += 1;
      if (seen % 100 === 0) out(`${seen} objects ...`);
    });
    out(`${copied} copied and verified, ${present} there already and equal, ${differing.length} differing`);
    if (differing.length === 0) return;
    for (const key of differing) out(`differs: ${key}`);
    throw new Fault(
      'failed_precondition',
      'objects.differ',
      `${differing.length} objects have another content in ${bucketName(wish.to)}; they were left as they are, copy to an empty bucket or prefix`,
    );
  } finally {
    release();
  }
}

async function main(): Promise<void> {
  const wish = parse(process.argv.slice(2));
  if (wish === 'help') out(usage);
  else await copy(wish);
}

await runCommand(main, exitCodes);
