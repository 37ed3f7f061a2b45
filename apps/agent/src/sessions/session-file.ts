/**
 * A conversation on file: everything a runner needs to go on with it in another sandbox.
 *
 * It is one JSON document, so that it can be committed, copied and looked at like any file of a workspace. Whoever writes to the
 * workspace can write it too: reading trusts nothing of it, and its hash tells a torn or edited file from a whole one, not a good from a
 * bad one.
 */

import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';

/** Bytes of a whole document. */
export const maxSessionBytes = 32 * 1024 * 1024;
export const maxSessionFiles = 4096;

/** A file of the conversation. */
export interface SessionEntry {
  /** Below HOME, with `/`; never absolute and without `.` or `..`. */
  readonly path: string;
  readonly data: Uint8Array;
}

export interface SessionFile {
  /** Name of the runner that wrote it; no other can go on with it. */
  readonly runner: string;
  /** The runner's own version, for the record. */
  readonly version: string;
  /** Name of the conversation, a slug. */
  readonly session: string;
  /** What the runner itself calls the conversation; empty when it has no word for it. */
  readonly native: string;
  readonly files: readonly SessionEntry[];
}

/** A session file that cannot be written, or gone on with. `reason` is the stable word of an error event. */
export class SessionUnusable extends Error {
  override readonly name = 'SessionUnusable';
  readonly reason:
    | 'runner.session_malformed'
    | 'runner.session_too_large'
    | 'runner.session_foreign'
    | 'runner.session_not_saved';

  constructor(reason: SessionUnusable['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

const malformed = (what: string, cause?: unknown): SessionUnusable =>
  new SessionUnusable('runner.session_malformed', `the session file ${what}`, { cause });

const isSegment = (segment: string): boolean => segment !== '' && segment !== '.' && segment !== '..';

/** Whether a path stays below the folder it is put under. */
export const isSessionPath = (path: string): boolean =>
  path.length <= 1024 && !path.includes('\0') && !path.includes('\\') && path.split('/').every(isSegment);

const isSessionName = (name: string): boolean => /^[a-z0-9][a-z0-9_-]{0,127}$/.test(name);

const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');

function hashOf({ runner, version, session, native, files }: SessionFile): string {
  return sha256(
    JSON.stringify([1, runner, version, session, native, files.map(({ path, data }) => [path, sha256(data)])]),
  );
}

/** No path is named twice, or is a folder of another. */
function checkFiles(files: readonly SessionEntry[]): void {
  if (files.length > maxSessionFiles) throw malformed(`holds more than ${maxSessionFiles} files`);
  const paths = new Set(files.map(({ path }) => path));
  if (paths.size !== files.length) throw malformed('names a path twice');
  for (const { path } of files) {
    if (!isSessionPath(path)) throw malformed('names a path outside its folder');
    for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
      if (paths.has(path.slice(0, at))) throw malformed('names a file and a folder alike');
    }
  }
}

function written({ path, data }: SessionEntry): object {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return isUtf8(bytes) ? { path, text: bytes.toString('utf8') } : { path, base64: bytes.toString('base64') };
}

/** The document. Throws SessionUnusable when it would not be read again. */
export function encodeSession(file: SessionFile): string {
  const { runner, version, session, native, files } = file;
  if (!isSessionName(session)) throw malformed('has no usable name');
  checkFiles(files);
  const held = files.reduce((sum, { data }) => sum + data.byteLength, 0);
  const document =
    held > maxSessionBytes
      ? undefined
      : JSON.stringify(
          { format: 1, runner, version, session, native, files: files.map(written), sha256: hashOf(file) },
          undefined,
          1,
        );
  if (document === undefined || Buffer.byteLength(document) > maxSessionBytes) {
    throw new SessionUnusable('runner.session_too_large', `the session file would exceed ${maxSessionBytes} bytes`);
  }
  return document;
}

type Json = Readonly<Record<string, unknown>>;
const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function entryOf(value: unknown): SessionEntry {
  if (!isRecord(value) || typeof value['path'] !== 'string') throw malformed('holds an entry without a path');
  const { path, text, base64 } = value;
  if (typeof text === 'string' && base64 === undefined) return { path, data: Buffer.from(text, 'utf8') };
  if (typeof base64 === 'string' && text === undefined) return { path, data: Buffer.from(base64, 'base64') };
  throw malformed(`holds no content for ${path.slice(0, 100)}`);
}

/** Reads a document. Throws SessionUnusable for whatever encodeSession would not have written. */
export function decodeSession(document: Uint8Array): SessionFile {
  if (document.byteLength > maxSessionBytes) {
    throw new SessionUnusable('runner.session_too_large', `the session file exceeds ${maxSessionBytes} bytes`);
  }
  const json = parsed(document);
  const { format, runner, version, session, native, files } = json;
  if (format !== 1) throw malformed('is of a format this version does not know');
  if (typeof runner !== 'string' || typeof version !== 'string' || typeof native !== 'string') {
    throw malformed('does not name its runner');
  }
  if (typeof session !== 'string' || !isSessionName(session)) throw malformed('has no usable name');
  if (!Array.isArray(files)) throw malformed('holds no files');
  if (files.length > maxSessionFiles) throw malformed(`holds more than ${maxSessionFiles} files`);
  const file: SessionFile = { runner, version, session, native, files: files.map(entryOf) };
  checkFiles(file.files);
  if (json['sha256'] !== hashOf(file)) throw malformed('is torn or was edited: its hash differs');
  return file;
}

function parsed(document: Uint8Array): Json {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(document));
  } catch (cause) {
    throw malformed('is not JSON', cause);
  }
  if (!isRecord(value)) throw malformed('is not a document');
  return value;
}
