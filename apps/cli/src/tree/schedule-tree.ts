/** `schedule`, `apply`. */

import { type Command, Option } from 'commander';
import { type Bind, group, lazy, repeat } from './bind.ts';

const load = () => import('../commands/schedules.ts');
const edit = () => import('../commands/schedule-edit.ts');
const times = () => import('../commands/schedule-times.ts');

export function scheduleCommands(program: Command, bind: Bind): void {
  const schedules = group(program, 'schedule', 'runs by the clock');
  bind(
    written(
      schedules.command('create <name>').description('fire a role by the clock; you consent to what it runs'),
    ).option('--paused', 'make it without firing'),
    lazy(async () => (await edit()).createSchedule),
  );
  bind(
    written(schedules.command('edit <name>').description('change what is given, and consent to it as it is then')),
    lazy(async () => (await edit()).editSchedule),
  );
  bind(
    schedules.command('ls').description('list schedules'),
    lazy(async () => (await load()).listSchedules),
  );
  bind(
    schedules.command('get <name>').description('show a schedule; -o yaml goes back through apply'),
    lazy(async () => (await load()).getSchedule),
  );
  bind(
    schedules.command('pause <name>').description('stop firing; what passes meanwhile is not made up for'),
    lazy(async () => (await load()).pauseSchedule),
  );
  bind(
    schedules.command('resume <name>').description('go on from now'),
    lazy(async () => (await load()).resumeSchedule),
  );
  bind(
    schedules
      .command('run <name>')
      .description('fire now, beside the clock')
      .option('-w, --wait', 'follow the run and exit by its result')
      .option('--idempotency-key <key>', 'the same key is the same firing'),
    lazy(async () => (await load()).runSchedule),
  );
  bind(
    schedules
      .command('history <name>')
      .description('every firing with its run or the reason for none; a removed schedule goes by its id')
      .option('-n, --limit <count>', 'at most so many', '50'),
    lazy(async () => (await times()).listFirings),
  );
  bind(
    schedules
      .command('next [name]')
      .description('the next fire times of a schedule or of an expression')
      .option('--cron <expression>', 'an expression in place of a schedule')
      .option('--time-zone <zone>', 'IANA name; UTC when absent')
      .option('-n, --count <count>', 'so many', '5'),
    lazy(async () => (await times()).nextTimes),
  );
  bind(
    bounded(
      schedules
        .command('consent <name>')
        .description('give the grant for a schedule as it is shown')
        .option('--spec-hash <hash>', 'consent to exactly this, as you were shown it before'),
    ),
    lazy(async () => (await load()).consentSchedule),
  );
  bind(
    schedules.command('rm <name>').description('remove a schedule and end its grant; its history stays'),
    lazy(async () => (await load()).removeSchedule),
  );
  bind(
    program
      .command('apply [file]')
      .description('create or replace what a YAML or JSON file says; - is standard input. Each document has a kind')
      .option('-f, --file <path>', 'the same as the argument')
      .option('--consent', 'consent to the schedules and subscriptions in it'),
    lazy(async () => (await import('../commands/apply.ts')).applyFile),
  );
}

/** Options that say what a schedule is. */
const written = (command: Command): Command =>
  fired(
    command
      .option('--cron <expression>', 'five fields, or @hourly, @daily, @weekly, @monthly, @yearly')
      .option('--time-zone <zone>', 'IANA name; UTC when absent')
      .addOption(
        new Option('--misfire <policy>', 'for times nobody could act on').choices(['skip', 'run-once', 'run-all']),
      )
      .option('--misfire-cap <count>', 'runs at most under run-all'),
    'the task; - reads standard input',
  );

/** Options that say what a trigger's runs are, and whether whoever writes it consents to them. */
export function fired(command: Command, task: string): Command {
  return bounded(
    command
      .option('--role <name>', 'what the agent is')
      .option('--runner <name>', 'a bare runner in place of a role, such as exec')
      .option('-t, --task <text>', task)
      .option('--task-file <path>', 'read the task from a file')
      .option('-m, --mount <ws:mode>', 'mount a workspace ro or rw; may be repeated', repeat)
      .option('--session <name>', 'one conversation for all its runs')
      .option('--profile <name>', 'runtime profile')
      .addOption(
        new Option('--overlap <policy>', 'while a run of it is not over').choices([
          'skip',
          'queue-one',
          'allow',
          'replace',
        ]),
      )
      .option('--no-consent', 'leave consent to somebody else'),
  );
}

/** Options that bound the grant. */
export function bounded(command: Command): Command {
  return command
    .option('--max-runs <count>', 'runs the grant allows in all')
    .option('--max-per-day <count>', 'runs the grant allows in one UTC day')
    .option('--expires-in <duration>', 'life of the grant, such as 720h; 90 days at most');
}
