/** Where an agent may have files read and written for it: below its mounts and its working directory, links resolved. */

import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, sep } from 'node:path';
import { systemCode } from '../../system-error.ts';

/** Bytes of a file that is read or written for an agent. */
const maxFile = 16 * 1024 * 1024;

/** A file or folder that is not served, in words for the agent. */
export class Refused extends Error {
  override readonly name = 'Refused';
  /** Whether there is nothing under that name, which an agent may take for an answer. */
  readonly missing: boolean;

  constructor(message: string, missing = false) {
    super(message);
    this.missing = missing;
  }
}

function notServed(path: string, error: unknown): Refused {
  const code = systemCode(error);
  const missing = code === 'ENOENT';
  return new Refused(`${path}: ${missing ? 'No such file or directory' : code}`, missing);
}

export class Places {
  private readonly roots: readonly string[];

  constructor(roots: readonly string[]) {
    this.roots = roots;
  }

  /** The folder itself, resolved. Throws Refused when it lies elsewhere or is not there. */
  async folder(path: string): Promise<string> {
    if (!isAbsolute(path)) throw new Refused(`${path} is not absolute`);
    const real = await realpath(path).catch((error: unknown) => {
      throw notServed(path, error);
    });
    for (const root of this.roots) {
      const home = await realpath(root).catch(() => root);
      if (real === home || real.startsWith(home + sep)) return real;
    }
    throw new Refused(`${path} is outside the workspaces`);
  }

  /** Lines of a text file, from `line` (1 is the first), at most `limit`. Throws Refused. */
  async read(path: string, line: number, limit: number | undefined): Promise<string> {
    const file = await this.open(path, constants.O_RDONLY);
    try {
      const { size } = await file.stat();
      if (size > maxFile) throw new Refused(`${path} is larger than ${maxFile} bytes`);
      const whole = await file.readFile('utf8');
      if (line <= 1 && limit === undefined) return whole;
      const from = Math.max(0, line - 1);
      return whole
        .split('\n')
        .slice(from, limit === undefined ? undefined : from + limit)
        .join('\n');
    } finally {
      await file.close();
    }
  }

  /** Writes a whole file. Throws Refused. */
  async write(path: string, content: string): Promise<void> {
    if (Buffer.byteLength(content) > maxFile) throw new Refused(`${path} would be larger than ${maxFile} bytes`);
    const file = await this.open(path, constants.O_WRONLY | constants.O_CREAT);
    try {
      await file.truncate();
      await file.writeFile(content);
    } finally {
      await file.close();
    }
  }

  /** Regular files only: a pipe or a device never ends, and a link may lead anywhere. */
  private async open(path: string, flags: number) {
    const target = join(await this.folder(dirname(path)), basename(path));
    const file = await open(target, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o644).catch(
      (error: unknown) => {
        throw notServed(path, error);
      },
    );
    if ((await file.stat()).isFile()) return file;
    await file.close();
    throw new Refused(`${path} is not a file`);
  }
}
