/** `event`, `webhook`. */

import type { Command } from 'commander';
import { type Bind, group, lazy } from './bind.ts';

const events = () => import('../commands/events.ts');
const webhooks = () => import('../commands/webhooks.ts');

export function eventCommands(program: Command, bind: Bind): void {
  const event = group(program, 'event', 'what happened elsewhere, and what it caused');
  bind(
    event
      .command('send [file]')
      .description('send a CloudEvents 1.0 event from a file, - for standard input, or from options')
      .option('-f, --file <path>', 'the same as the argument')
      .option('--type <type>', 'what happened, such as order.created')
      .option('--source <source>', 'where it happened; /sally when absent')
      .option('--subject <subject>', 'to what it happened')
      .option('--id <id>', 'the same source and id within seven days is the same event; made up when absent')
      .option('--data <json>', 'its data; @PATH reads a file, - standard input')
      .option('--content-type <type>', 'what the data is when it is no JSON, such as text/plain')
      .option('-w, --wait', 'wait until it is known who wants it, and show what it caused'),
    lazy(async () => (await events()).sendEvent),
  );
  bind(
    event
      .command('ls')
      .description('list events with what they caused, newest first')
      .option('--type <type>', 'only this type')
      .option('-n, --limit <count>', 'at most so many', '50'),
    lazy(async () => (await events()).listEvents),
  );
  bind(
    event.command('get <event>').description('show an event with its data'),
    lazy(async () => (await events()).getEvent),
  );

  const webhook = group(program, 'webhook', 'addresses at which others hand events in');
  bind(
    webhook
      .command('create <name>')
      .description('make a webhook, or change one; the secret of a new one is shown this once')
      .option('--source <source>', 'source of its events; /webhooks/NAME when absent')
      .option('--type <type>', 'type of events whose body states none; webhook when absent'),
    lazy(async () => (await webhooks()).createWebhook),
  );
  bind(
    webhook.command('ls').description('list webhooks, never their secrets'),
    lazy(async () => (await webhooks()).listWebhooks),
  );
  bind(
    webhook.command('rotate <name>').description('make a new secret; the one until now stays good for an hour'),
    lazy(async () => (await webhooks()).rotateWebhook),
  );
  bind(
    webhook.command('rm <name>').description('remove a webhook'),
    lazy(async () => (await webhooks()).removeWebhook),
  );
}
