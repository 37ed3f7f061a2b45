/** `grant`. */

import type { Command } from 'commander';
import { type Bind, group, lazy } from './bind.ts';

export function grantCommands(program: Command, bind: Bind): void {
  const grants = group(program, 'grant', 'what people let schedules and subscriptions do');
  const load = () => import('../commands/grants.ts');
  bind(
    grants
      .command('ls')
      .description('list grants, newest first')
      .option('-a, --active', 'only grants that can be used')
      .option('-n, --limit <count>', 'at most so many', '50'),
    lazy(async () => (await load()).listGrants),
  );
  bind(
    grants.command('get <grant>').description('show a grant; -o json has its signed form'),
    lazy(async () => (await load()).getGrant),
  );
  bind(
    grants.command('revoke <grant>').description('end a grant and the runs that live on it'),
    lazy(async () => (await load()).revokeGrant),
  );
}
