/** `status`, `doctor`, `version`, `api`. */

import type { Command } from 'commander';
import { type Bind, lazy, repeat } from './bind.ts';

export function stackCommands(program: Command, bind: Bind): void {
  bind(
    program.command('status').description('whether each service answers'),
    lazy(async () => (await import('../commands/status.ts')).showStatus),
  );
  bind(
    program.command('doctor').description('check this machine and the running stack'),
    lazy(async () => (await import('../commands/doctor.ts')).doctor),
  );
  bind(
    program.command('version').description('versions of client and server'),
    lazy(async () => (await import('../commands/status.ts')).showVersion),
  );
  bind(
    program
      .command('api <method> <path>')
      .description('call any route, such as: api GET /v1/runs')
      .option('-d, --data <json>', 'body; @file reads a file, - standard input')
      .option('-H, --header <name:value>', 'further header; may be repeated', repeat)
      .option('--paginate', 'all pages of a list'),
    lazy(async () => (await import('../commands/api.ts')).callApi),
  );
}
