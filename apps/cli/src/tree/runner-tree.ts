/** `runner`. */

import type { Command } from 'commander';
import { type Bind, group, lazy } from './bind.ts';

export function runnerCommands(program: Command, bind: Bind): void {
  const runners = group(program, 'runner', 'what drives an agent, and which coding agents are installed');
  const load = () => import('../commands/runners.ts');
  bind(
    runners.command('ls').description('list what the edges can drive'),
    lazy(async () => (await load()).listRunners),
  );
  bind(
    runners.command('probe <name>').description('show one runner; exit code 3 when no edge can run it'),
    lazy(async () => (await load()).probeRunner),
  );
  bind(
    runners
      .command('install <name>')
      .description('install a coding agent for the edge of this machine')
      .option('--dir <path>', 'npm prefix of the edge (env SALLY_RUNNERS_DIR, .sally/cli.json runners)'),
    lazy(async () => (await import('../commands/runner-install.ts')).installRunner),
  );
}
