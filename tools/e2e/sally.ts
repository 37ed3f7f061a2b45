/** The CLI as a person runs it, and git as a person runs it. */

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { repository } from '../start/options.ts';
import type { StartedStack } from './started-stack.ts';

export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function command(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], {
      cwd: options.cwd ?? repository,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '', ...options.env },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** `npx sally ...` against a stack. */
export const sally = (stack: StartedStack, ...args: readonly string[]): Promise<Said> =>
  command(process.env['SALLY_TEST_NODE'] ?? process.execPath, [join(repository, 'apps/cli/bin/sally.mjs'), ...args], {
    env: { SALLY_URL: stack.rest.url, SALLY_TOKEN: stack.rest.token },
  });

/** git with nothing of this machine's configuration. */
export const git = (cwd: string, ...args: readonly string[]): Promise<Said> =>
  command('git', args, {
    cwd,
    env: { GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0', HOME: cwd },
  });
