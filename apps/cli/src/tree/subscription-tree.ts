/** `subscription`. */

import type { Command } from 'commander';
import { type Bind, group, lazy, repeat } from './bind.ts';
import { bounded, fired } from './schedule-tree.ts';

const load = () => import('../commands/subscriptions.ts');

export function subscriptionCommands(program: Command, bind: Bind): void {
  const subscriptions = group(program, 'subscription', 'runs when an event comes');
  bind(
    written(
      subscriptions.command('create <name>').description('fire a role by events; you consent to what it runs'),
    ).option('--paused', 'make it without firing'),
    lazy(async () => (await load()).createSubscription),
  );
  bind(
    written(subscriptions.command('edit <name>').description('change what is given, and consent to it as it is then'))
      .option('--paused', 'stop firing')
      .option('--no-paused', 'go on firing'),
    lazy(async () => (await load()).editSubscription),
  );
  bind(
    subscriptions.command('ls').description('list subscriptions'),
    lazy(async () => (await load()).listSubscriptions),
  );
  bind(
    subscriptions.command('get <name>').description('show a subscription; -o yaml goes back through apply'),
    lazy(async () => (await load()).getSubscription),
  );
  bind(
    subscriptions
      .command('history <name>')
      .description('every event it wanted with its run or the reason for none; a removed one goes by its id')
      .option('-n, --limit <count>', 'at most so many', '50'),
    lazy(async () => (await load()).listFirings),
  );
  bind(
    bounded(
      subscriptions
        .command('consent <name>')
        .description('give the grant for a subscription as it is shown')
        .option('--spec-hash <hash>', 'consent to exactly this, as you were shown it before'),
    ),
    lazy(async () => (await load()).consentSubscription),
  );
  bind(
    subscriptions.command('rm <name>').description('remove a subscription and end its grant; its history stays'),
    lazy(async () => (await load()).removeSubscription),
  );
}

/** Options that say what a subscription is. */
const written = (command: Command): Command =>
  fired(
    command
      .option('--type <type>', 'types it wants, a * at the end stands for any ending; may be repeated', repeat)
      .option('--source <source>', 'only this source; a * at the end stands for any ending')
      .option('--subject <subject>', 'only this subject; a * at the end stands for any ending')
      .option('--when <expression>', "CEL over data, type, source, subject, time, such as 'data.total > 100'"),
    'the task; the event is a file beside it. - reads standard input',
  );
