/** Where the API is and which key to show: flag, then environment, then `.sally/` of the project, then the default. */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { usage } from './failure.ts';

export const environment: Readonly<Record<string, string | undefined>> = process.env;

export const defaultUrl = 'http://127.0.0.1:7420';

export type Origin = 'flag' | 'environment' | 'project' | 'default';

export interface Connection {
  readonly url: string;
  readonly urlFrom: Origin;
  /** API key; undefined when none was found. */
  readonly token: string | undefined;
  /** Where the key came from: a word, or the file. */
  readonly tokenFrom: string;
}

export interface ConnectionFlags {
  readonly url?: string;
  readonly token?: string;
}

/** Finds the connection; nothing is read over the network. */
export function connectionOf(flags: ConnectionFlags, env = environment, from = process.cwd()): Connection {
  const folder = projectFolder(from);
  const file = folder === undefined ? undefined : readProject(folder);
  const [url, urlFrom] = firstOf<Origin>(
    [flags.url, 'flag'],
    [env['SALLY_URL'], 'environment'],
    [file?.url, 'project'],
    [defaultUrl, 'default'],
  );
  const path = folder === undefined ? undefined : tokenPath(folder, file?.tokenFile);
  const stored = path === undefined ? undefined : readToken(path);
  const [token, tokenFrom] = firstOf<string>(
    [flags.token, 'flag'],
    [env['SALLY_TOKEN'], 'environment'],
    [stored, path ?? ''],
  );
  return { url: checked(url ?? defaultUrl), urlFrom: urlFrom ?? 'default', token, tokenFrom: tokenFrom ?? 'nowhere' };
}

/** npm prefix of the coding agents of this machine's edge; undefined where no stack of this project keeps one. */
export function runnersFolder(env = environment, from = process.cwd()): string | undefined {
  const folder = projectFolder(from);
  const [path] = firstOf<Origin>(
    [env['SALLY_RUNNERS_DIR'], 'environment'],
    [folder === undefined ? undefined : readProject(folder)?.runners, 'project'],
  );
  return path === undefined ? undefined : resolve(path);
}

function firstOf<From>(
  ...candidates: readonly (readonly [string | undefined, From])[]
): readonly [string | undefined, From | undefined] {
  return candidates.find(([value]) => value !== undefined && value !== '') ?? [undefined, undefined];
}

function checked(url: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url.replace(/\/+$/, '');
  throw usage(
    'the API address is not usable',
    `${url} is no http or https URL`,
    'set --url or SALLY_URL, such as http://127.0.0.1:7420',
  );
}

/** The nearest `.sally` folder, here or above. */
function projectFolder(from: string): string | undefined {
  for (let at = resolve(from); ; at = dirname(at)) {
    const candidate = join(at, '.sally');
    if (existsSync(candidate)) return candidate;
    if (dirname(at) === at) return undefined;
  }
}

interface Project {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly runners?: string;
}

function readProject(folder: string): Project | undefined {
  const path = join(folder, 'cli.json');
  if (!existsSync(path)) return undefined;
  try {
    const { url, tokenFile, runners } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    return {
      ...(typeof url === 'string' && { url }),
      ...(typeof tokenFile === 'string' && { tokenFile }),
      ...(typeof runners === 'string' && { runners }),
    };
  } catch {
    throw usage('the project file is not usable', `${path} is not JSON`, 'correct it or remove it');
  }
}

function tokenPath(folder: string, tokenFile: string | undefined): string {
  if (tokenFile === undefined) return join(folder, 'token');
  if (isAbsolute(tokenFile)) return tokenFile;
  const beside = join(folder, tokenFile);
  return existsSync(beside) ? beside : join(dirname(folder), tokenFile);
}

function readToken(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
}
