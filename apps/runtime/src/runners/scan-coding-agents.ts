/**
 * Which coding agents are installed below an npm prefix. Nothing of it is run here: a program of another maker has no business
 * outside a sandbox, so its version is its package's word.
 */

import { readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { type CodingAgent, packageOf } from '@sallyport/core/coding-agents';

/** What was found of one coding agent. */
export interface Found {
  /** Empty when it is not installed. */
  readonly version: string;
  /** Why it cannot run; empty when it can. */
  readonly missing: readonly string[];
  /** The one command that mends it; empty when nothing is missing. */
  readonly remedy: string;
}

/** The one command that installs a coding agent for an edge. */
export const installCommand = (prefix: string, agent: CodingAgent): string =>
  `npm install --prefix ${prefix} ${packageOf(agent)}`;

async function versionOf(prefix: string, agent: CodingAgent): Promise<string> {
  const text = await readFile(join(prefix, 'node_modules', agent.package, 'package.json'), 'utf8').catch(() => '{}');
  try {
    const { version } = JSON.parse(text) as { version?: unknown };
    return typeof version === 'string' ? version.slice(0, 64) : '';
  } catch {
    return '';
  }
}

/** Why its program cannot be started from a sandbox, or undefined. */
async function programTrouble(prefix: string, agent: CodingAgent): Promise<string | undefined> {
  const path = await realpath(join(prefix, 'node_modules', '.bin', agent.program)).catch(() => undefined);
  if (path === undefined) return `the program ${agent.program}`;
  // Sandboxes see this folder and nothing else of the host.
  if (!path.startsWith((await realpath(prefix)) + sep))
    return `${agent.program} below ${prefix}: it is a link to elsewhere`;
  const { mode } = await stat(path);
  return (mode & 0o005) === 0o005
    ? undefined
    : `the right to run ${agent.program} for everybody: chmod -R o+rX ${prefix}`;
}

/** Looks at one coding agent; a prefix that is not there has none. Never throws. */
export async function findCodingAgent(prefix: string | undefined, agent: CodingAgent): Promise<Found> {
  if (prefix === undefined) {
    return {
      version: '',
      missing: [packageOf(agent)],
      remedy: 'set SALLY_RUNNERS_DIR on the edge to a folder for coding agents',
    };
  }
  const remedy = installCommand(prefix, agent);
  const version = await versionOf(prefix, agent);
  if (version === '') return { version, missing: [packageOf(agent)], remedy };
  const trouble = await programTrouble(prefix, agent).catch((error: unknown) => String(error));
  return trouble === undefined ? { version, missing: [], remedy: '' } : { version, missing: [trouble], remedy };
}
