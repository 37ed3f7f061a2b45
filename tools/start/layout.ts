/** Where everything of one installation lives, and that it can live there. */

import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Fault } from '@sallyport/core/fault';

const format = 1;
const minFreeBytes = 512 * 1024 * 1024;

export interface Layout {
  readonly data: string;
  readonly postgres: string;
  readonly nats: string;
  readonly bucket: string;
  /** Says where objects are kept when that is not `bucket`. */
  readonly bucketChoice: string;
  readonly secrets: string;
  /** Provider credentials, read by egress alone. */
  readonly credentials: string;
  readonly logs: string;
  /** Sockets; short enough for a Unix address. */
  readonly run: string;
  /** What sandboxes see of the host; every directory above can be entered by an unprivileged user. */
  readonly runtime: string;
  readonly workspace: string;
  /** npm prefix of coding agents; another one may be named by `SALLY_RUNNERS_DIR`. */
  readonly runners: string;
  readonly token: string;
  readonly cliConfig: string;
  readonly lock: string;
}

/** Longest path of a Unix socket under `run`, by the kernel's limit of 108 bytes. */
const maxRunLength = 70;

/** Makes the directories; refuses a folder of another format, a full disk, a path it may not write. */
export function prepareLayout(data: string): Layout {
  makeData(data);
  checkFormat(data);
  checkSpace(data);
  const key = createHash('sha256').update(data).digest('hex').slice(0, 12);
  const run = join(data, 'run').length <= maxRunLength ? join(data, 'run') : `/tmp/sallyport-${key}`;
  const runtime =
    process.getuid?.() === 0 && !enterable(data)
      ? outside(`/var/lib/sallyport-${key}`, join(data, 'runtime'))
      : join(data, 'runtime');
  const layout: Layout = {
    data,
    postgres: join(data, 'postgres'),
    nats: join(data, 'nats'),
    bucket: join(data, 'bucket'),
    bucketChoice: join(data, 'bucket.json'),
    secrets: join(data, 'secrets'),
    credentials: credentialsOf(data),
    logs: join(data, 'logs'),
    run,
    runtime,
    workspace: join(data, 'workspace'),
    runners: resolve(process.env['SALLY_RUNNERS_DIR'] ?? join(data, 'runners')),
    token: join(data, 'token'),
    cliConfig: join(data, 'cli.json'),
    lock: join(data, 'lock'),
  };
  for (const directory of [
    layout.nats,
    layout.bucket,
    layout.secrets,
    layout.credentials,
    layout.logs,
    layout.workspace,
  ])
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const directory of [layout.run, layout.runtime, layout.runners])
    mkdirSync(directory, { recursive: true, mode: 0o755 });
  // Anybody can foresee the name of a folder under `/tmp` and make it first.
  if (run !== join(data, 'run')) assertOwn(run, 'remove it');
  return layout;
}

/** Where the credentials of an installation are. */
export const credentialsOf = (data: string): string => join(data, 'secrets', 'credentials');

function makeData(data: string): void {
  try {
    mkdirSync(data, { recursive: true, mode: 0o755 });
    accessSync(data, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Fault(
      'failed_precondition',
      'start.data_unusable',
      `${data} cannot be written; choose another folder with --data DIR, or give this one to the user who starts`,
      { data },
      { cause: error },
    );
  }
}

/** What another user made is left alone: root would take its database over, and leave it to nobody else. */
function assertOwn(path: string, remedy: string): void {
  const { uid } = lstatSync(path);
  if (uid === process.getuid?.()) return;
  throw new Fault(
    'failed_precondition',
    'start.data_owner',
    `${path} belongs to another user (uid ${uid}); ${remedy}, or choose another folder with --data DIR`,
    { path, uid: String(uid) },
  );
}

function checkFormat(data: string): void {
  const file = join(data, 'format.json');
  if (!existsSync(file)) {
    if (existsSync(join(data, 'postgres'))) throw corrupt(data, 'format.json is missing');
    writeFileSync(file, JSON.stringify({ format }));
    return;
  }
  assertOwn(file, 'start as that user');
  const found = readJson(file);
  if (found === undefined) throw corrupt(data, 'format.json is not readable');
  if (found.format !== format)
    throw new Fault(
      'failed_precondition',
      'start.data_format',
      `${data} was written by another version (format ${String(found.format)}, this one reads ${format}); use --data with another folder, or the version that wrote it`,
      { data },
    );
}

function readJson(file: string): { readonly format?: unknown } | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { readonly format?: unknown };
  } catch {
    return undefined;
  }
}

export const corrupt = (data: string, what: string): Fault =>
  new Fault(
    'failed_precondition',
    'start.data_corrupt',
    `the state in ${data} is damaged: ${what}. Move the folder aside (mv ${data} ${data}.broken) and start again, or restore a backup of it`,
    { data },
  );

function checkSpace(data: string): void {
  const { bavail, bsize } = statfsSync(data);
  const free = Number(bavail) * Number(bsize);
  if (free >= minFreeBytes) return;
  throw new Fault(
    'resource_exhausted',
    'start.disk_full',
    `${data} is on a disk with ${Math.floor(free / 1024 / 1024)} MiB free; at least ${minFreeBytes / 1024 / 1024} MiB are needed. Free some space, or use --data on another disk`,
    { data },
  );
}

/** Whether any user may enter a directory and all above it. */
export function enterable(directory: string): boolean {
  for (let path = directory; ; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) return false;
    if (path === '/') return true;
  }
}

/** A directory elsewhere, with a link to it where people look. */
function outside(directory: string, link: string): string {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  if (!existsSync(link)) {
    rmSync(link, { force: true });
    symlinkSync(directory, link);
  }
  return directory;
}

/** A program file that sandboxes can read: the file itself when its folder can be entered, else a link or copy under `runtime`. */
export function visibleFile(file: string, runtime: string, name: string): string {
  if (process.getuid?.() !== 0 || enterable(dirname(file))) return file;
  const target = join(runtime, 'programs', name);
  mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
  rmSync(target, { force: true });
  try {
    linkSync(file, target);
  } catch {
    copyFileSync(file, target);
  }
  return target;
}
