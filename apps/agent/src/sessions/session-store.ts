/** Where a conversation is kept: one file of the first writable workspace, replaced as a whole. */

import { constants } from 'node:fs';
import { lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode } from '../system-error.ts';
import {
  decodeSession,
  encodeSession,
  isSessionPath,
  maxSessionBytes,
  type SessionFile,
  SessionUnusable,
} from './session-file.ts';

/** Path of a conversation below the mount or the HOME it is kept in. */
export const sessionPath = (session: string): string => `.sally/sessions/${session}.json`;

export class SessionStore {
  private readonly root: string;

  /** The root is the first writable mount, or HOME where there is none. */
  constructor(root: string) {
    this.root = root;
  }

  /** The conversation, or undefined where none was saved. Throws SessionUnusable for a file that is none. */
  async load(path: string): Promise<SessionFile | undefined> {
    if (!isSessionPath(path))
      throw new SessionUnusable('runner.session_malformed', `${path} is not below the workspace`);
    await this.checkFolders(path);
    // Neither a link nor a pipe is followed: what is behind it was not saved here.
    const file = await open(
      join(this.root, path),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    ).catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw new SessionUnusable('runner.session_malformed', `${path} cannot be read`, { cause: error });
    });
    if (file === undefined) return undefined;
    try {
      const found = await file.stat();
      if (!found.isFile()) throw new SessionUnusable('runner.session_malformed', `${path} is not a file`);
      if (found.size > maxSessionBytes) {
        throw new SessionUnusable('runner.session_too_large', `${path} exceeds ${maxSessionBytes} bytes`);
      }
      return decodeSession(await file.readFile());
    } finally {
      await file.close();
    }
  }

  /** Replaces the file at once or leaves the one before; answers its size. Throws SessionUnusable. */
  async save(path: string, session: SessionFile): Promise<number> {
    const document = encodeSession(session);
    const target = join(this.root, path);
    const temporary = `${target}.${process.pid}.tmp`;
    try {
      await this.checkFolders(path);
      await mkdir(dirname(target), { recursive: true });
      await rm(temporary, { force: true });
      const file = await open(temporary, 'wx', 0o644);
      try {
        await file.writeFile(document);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      if (error instanceof SessionUnusable) throw error;
      throw new SessionUnusable('runner.session_not_saved', `${path} could not be written: ${systemCode(error)}`, {
        cause: error,
      });
    }
    return Buffer.byteLength(document);
  }

  /** A folder on the way that is a link would put the file where it is not looked for. */
  private async checkFolders(path: string): Promise<void> {
    const parts = path.split('/').slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth += 1) {
      const folder = parts.slice(0, depth).join('/');
      const found = await lstat(join(this.root, folder)).catch(() => undefined);
      if (found === undefined) return;
      if (!found.isDirectory()) throw new SessionUnusable('runner.session_malformed', `${folder} is not a folder`);
    }
  }
}
