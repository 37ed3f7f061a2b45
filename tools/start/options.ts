/** What a person may say on the command line of `npm start`. */

import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Fault } from '@sallyport/core/fault';
import type { BucketSettings } from '@sallyport/store/bucket';
import { bucketForms, parseBucket } from './bucket.ts';

/** Root of the clone. */
export const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Where everything is kept unless another folder is named; the CLI looks here too. */
export const defaultData = join(repository, '.sally');

export interface StartOptions {
  /** Everything the stack keeps. */
  readonly data: string;
  readonly port: number;
  readonly host: string;
  readonly demo: boolean;
  /** Ends once the demo has ended, with its result. */
  readonly once: boolean;
  /** Service logs on the terminal too. */
  readonly verbose: boolean;
  /** Where objects are kept from now on; absent means where they are. */
  readonly bucket?: BucketSettings;
}

export const usage = `npm start -- [--data DIR] [--port N] [--host ADDRESS] [--no-demo] [--once] [--verbose] [--bucket BUCKET]

  --data DIR      where everything is kept (default .sally)
  --port N        port of the API (default 7420)
  --host ADDRESS  address of the API (default 127.0.0.1)
  --no-demo       start without the demo dispatch
  --once          stop after the demo; exit 0 only if it succeeded
  --verbose       copy the logs of the services to the terminal
  --bucket BUCKET where objects are kept from now on: ${bucketForms}`;

/** Parses; an unknown flag or a port out of range is a Fault. */
export function parseOptions(argv: readonly string[]): StartOptions | 'help' {
  const { values } = read(argv);
  if (values.help === true) return 'help';
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw usageFault(`--port takes a number from 1 to 65535, not ${JSON.stringify(values.port)}`);
  return {
    data: resolve(values.data ?? defaultData),
    port,
    host: values.host,
    demo: values['no-demo'] !== true,
    once: values.once === true,
    verbose: values.verbose === true,
    ...(values.bucket === undefined ? {} : { bucket: parseBucket(values.bucket, process.env) }),
  };
}

function read(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        data: { type: 'string' },
        port: { type: 'string', default: '7420' },
        host: { type: 'string', default: '127.0.0.1' },
        'no-demo': { type: 'boolean' },
        once: { type: 'boolean' },
        verbose: { type: 'boolean' },
        bucket: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw usageFault(error instanceof Error ? error.message : String(error));
  }
}

const usageFault = (what: string): Fault => new Fault('invalid_argument', 'start.usage', `${what}\n\n${usage}`);
