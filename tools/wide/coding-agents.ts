/** The coding agents that runners drive, from npm, unmodified, at the versions of the table. */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type CodingAgent, codingAgents, packageOf } from '@sallyport/core/coding-agents';
import type { CodingAgents } from '@sallyport/testkit/wide';
import { cacheFolder } from './cache.ts';
import { missing } from './programs.ts';
import type { Provide } from './requirement.ts';

const run = promisify(execFile);

function isThere(directory: string, agent: CodingAgent): boolean {
  try {
    const text = readFileSync(join(directory, 'node_modules', agent.package, 'package.json'), 'utf8');
    return (JSON.parse(text) as { version?: unknown }).version === agent.version;
  } catch {
    return false;
  }
}

/**
 * Installs what the cache lacks. npm runs the packages' own install scripts, which put their programs for this machine in place.
 *
 * @throws Fault `wide.missing` with the one command where npm cannot.
 */
export const provideCodingAgents: Provide<CodingAgents> = async (say) => {
  const directory = cacheFolder('coding-agents');
  const lacking = codingAgents.filter((agent) => !isThere(directory, agent));
  if (lacking.length > 0) {
    const args = ['install', '--prefix', directory, '--no-audit', '--no-fund', ...lacking.map(packageOf)];
    say(`installing ${lacking.map(packageOf).join(', ')} (once) ...`);
    await run('npm', args, { maxBuffer: 64 * 1024 ** 2 }).catch((error: unknown) => {
      const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
      throw missing(`The coding agents cannot be installed (${said.slice(-500)})`, `npm ${args.join(' ')}`);
    });
  }
  return { value: { directory }, stop: () => Promise.resolve() };
};
