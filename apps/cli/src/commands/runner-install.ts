/** `runner install`: the one thing the CLI does on this machine rather than through the API. */

import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { codingAgentOf, codingAgents, packageOf } from '@sallyport/core/coding-agents';
import { runnersFolder } from '../config.ts';
import type { Context } from '../context.ts';
import { exit } from '../exit.ts';
import { Failure, usage } from '../failure.ts';
import { type Flags, textOf } from '../flags.ts';

/**
 * What npm is told. Which package a name stands for is this program's own table and no answer of a server. The package's own
 * install script runs: it puts the program's binary for this machine in its place.
 */
export const installArguments = (folder: string, spec: string): readonly string[] => [
  'install',
  '--prefix',
  folder,
  '--no-audit',
  '--no-fund',
  spec,
];

export async function installRunner(
  { printer }: Context,
  [name = '']: readonly (string | undefined)[],
  flags: Flags,
): Promise<number> {
  const agent = codingAgentOf(name);
  if (agent === undefined) {
    const names = codingAgents.map(({ runner }) => runner).join(', ');
    throw usage(`${name} is nothing to install`, 'it is no coding agent', `use one of ${names}`);
  }
  const folder = textOf(flags, 'dir') ?? runnersFolder();
  const command = `npm ${installArguments(folder ?? 'DIR', packageOf(agent)).join(' ')}`;
  if (folder === undefined) {
    throw prerequisite(
      name,
      'no stack of this project keeps a folder for coding agents',
      `on the machine of the edge: ${command}`,
    );
  }
  if (!isWritable(folder)) throw prerequisite(name, `${folder} cannot be written`, `as its owner: ${command}`);
  printer.note(command);
  const code = await npm(installArguments(folder, packageOf(agent)));
  if (code !== 0) throw prerequisite(name, `npm ended with ${code}`, `see what it said, then again: ${command}`);
  printer.note(`${name} is there; the edge sees it within ten seconds: sally runner probe ${name}`);
  return exit.ok;
}

const prerequisite = (name: string, why: string, next: string): Failure =>
  Failure.of(exit.prerequisite, 'cli.runner_not_installed', `${name} is not installed`, why, next);

function isWritable(folder: string): boolean {
  try {
    if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: 0o755 });
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Exit code of npm; its words go to standard error. */
function npm(args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn('npm', args, { stdio: ['ignore', process.stderr, process.stderr] });
    child.once('error', () => resolve(127));
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
