/** `webhook create`, `ls`, `rotate`, `rm`. A secret is printed once, when it is made. */

import type { Webhook } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { showAge } from '../duration.ts';
import { type Flags, textOf } from '../flags.ts';
import type { View } from '../output/printer.ts';
import { visibleLine } from '../output/visible.ts';

type Args = readonly (string | undefined)[];

const at = (name: string): string => `/v1/webhooks/${encodeURIComponent(name)}`;

const webhookView: View<Webhook> = {
  name: (webhook) => webhook.name,
  empty: 'no webhooks; make one: sally webhook create NAME',
  columns: [
    { title: 'name', of: (webhook) => webhook.name },
    { title: 'path', of: (webhook) => webhook.path },
    { title: 'source', of: (webhook) => webhook.source || `/webhooks/${webhook.name}`, most: 40 },
    { title: 'type', of: (webhook) => webhook.type || 'webhook', most: 24 },
    { title: 'age', of: (webhook) => showAge(webhook.created_at, Date.now()) },
    { title: 'old secret until', of: (webhook) => webhook.previous_until ?? '' },
  ],
};

/** Where it is, and its secret when one was made now. */
const told = (context: Context, webhook: Webhook): string[] => [
  `webhook ${visibleLine(webhook.name)} takes requests at ${context.connection.url}${visibleLine(webhook.path)}`,
  ...(webhook.secret === undefined
    ? []
    : [
        `its secret, shown this once: ${visibleLine(webhook.secret)}`,
        'sign with it by https://www.standardwebhooks.com',
      ]),
];

export async function createWebhook(context: Context, [name = '']: Args, flags: Flags): Promise<undefined> {
  const { api, printer } = context;
  const body = { source: textOf(flags, 'source') ?? '', type: textOf(flags, 'type') ?? '' };
  const webhook = await api.send<Webhook>('PUT', at(name), body);
  const kept = webhook.secret === undefined ? ['it was there before, and its secret stays as it is'] : [];
  await printer.one(webhook, webhookView, () => [...told(context, webhook), ...kept]);
  return undefined;
}

export async function listWebhooks({ api, printer }: Context): Promise<undefined> {
  await printer.list(await api.all<Webhook>('/v1/webhooks'), webhookView);
  return undefined;
}

export async function rotateWebhook(context: Context, [name = '']: Args): Promise<undefined> {
  const { api, printer } = context;
  const webhook = await api.send<Webhook>('POST', `${at(name)}:rotate`, {});
  await printer.one(webhook, webhookView, () => [
    ...told(context, webhook),
    `the secret until now stays good until ${webhook.previous_until ?? ''}`,
  ]);
  return undefined;
}

export async function removeWebhook({ api, printer }: Context, [name = '']: Args): Promise<undefined> {
  await api.ask(at(name), { method: 'DELETE' });
  if (!printer.isData) printer.line(`webhook ${visibleLine(name)} is removed; its address answers nobody`);
  return undefined;
}
