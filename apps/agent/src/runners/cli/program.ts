/** Where a coding agent's program is, and how it is started. */

import { open, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { CodingAgent } from '@sallyport/core/coding-agents';

export interface Program {
  /** Program and the arguments before its own. */
  readonly argv: readonly string[];
  /** As its package says. */
  readonly version: string;
}

/** Folder of an npm prefix that its programs are linked in. */
export const programFolder = (runners: string): string => join(runners, 'node_modules', '.bin');

async function isNodeScript(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(64);
    await file.read(head, 0, head.length, 0);
    return /^#!.*\bnode\b/.test(head.toString('latin1'));
  } finally {
    await file.close();
  }
}

/**
 * The program below an npm prefix, or undefined when it is not installed there. A script for Node runs on the Node that runs this
 * process, whatever else is called `node` in the sandbox.
 */
export async function findProgram(runners: string, agent: CodingAgent): Promise<Program | undefined> {
  try {
    const manifest: unknown = JSON.parse(
      await readFile(join(runners, 'node_modules', agent.package, 'package.json'), 'utf8'),
    );
    const path = await realpath(join(programFolder(runners), agent.program));
    const version = (manifest as { version?: unknown } | null)?.version;
    return {
      argv: (await isNodeScript(path)) ? [process.execPath, path] : [path],
      version: typeof version === 'string' ? version : '',
    };
  } catch {
    return undefined;
  }
}
