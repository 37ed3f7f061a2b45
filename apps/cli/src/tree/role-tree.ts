/** `role`. */

import type { Command } from 'commander';
import { type Bind, group, lazy } from './bind.ts';

export function roleCommands(program: Command, bind: Bind): void {
  const roles = group(program, 'role', 'what agents are');
  const load = () => import('../commands/roles.ts');
  bind(
    roles
      .command('apply [file]')
      .description('create or replace roles from YAML or JSON; - is standard input')
      .option('-f, --file <path>', 'the same as the argument')
      .option('--if-version <number>', 'only when this is the current version'),
    lazy(async () => (await load()).applyRoles),
  );
  bind(
    roles.command('ls').description('list roles'),
    lazy(async () => (await load()).listRoles),
  );
  bind(
    roles.command('get <name>').description('show a role; -o yaml goes back through apply'),
    lazy(async () => (await load()).getRole),
  );
}
