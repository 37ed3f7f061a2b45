/** `audit`. */

import type { Command } from 'commander';
import { type Bind, group, lazy, repeat } from './bind.ts';

export function auditCommands(program: Command, bind: Bind): void {
  const audit = group(program, 'audit', 'the tamper-evident log');
  const load = () => import('../commands/audit.ts');
  const filtered = (command: Command): Command =>
    command.option('--run <id>', 'only this run').option('--kind <kind>', 'only this kind; may be repeated', repeat);
  bind(
    filtered(audit.command('tail').description('follow the log')).option(
      '--from <seq>',
      'first sequence wanted; now when absent',
    ),
    lazy(async () => (await load()).tailAudit),
  );
  bind(
    filtered(audit.command('query').description('read the log in order'))
      .option('--from <seq>', 'first sequence wanted', '0')
      .option('-n, --limit <count>', 'at most so many', '200'),
    lazy(async () => (await load()).queryAudit),
  );
  bind(
    audit.command('export [file]').description('the log as a bundle that verifies offline; - is standard output'),
    lazy(async () => (await load()).exportAudit),
  );
  bind(
    audit
      .command('verify [file]')
      .description('verify a bundle offline; without a file, one is exported first')
      .option('--log-key <key>', "the log's verifier key, known from elsewhere")
      .option('--since <file>', 'an earlier checkpoint that must be contained'),
    lazy(async () => (await import('../commands/audit-verify.ts')).verifyAudit),
  );
}
