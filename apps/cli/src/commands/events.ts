/** `event send`, `ls`, `get`. */

import { randomUUID } from 'node:crypto';
import type { EventItem } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { showAge } from '../duration.ts';
import { usage } from '../failure.ts';
import { countOf, type Flags, isSet, readText, textOf } from '../flags.ts';
import type { View } from '../output/printer.ts';
import { visible, visibleLine } from '../output/visible.ts';

const structured = { 'content-type': 'application/cloudevents+json' };
const pollMs = 200;

const causedBy = (event: EventItem): string => {
  if (event.matched_at === undefined) return 'not known yet';
  const outcomes = event.firings.map(({ outcome = 'deciding', run }) => (run === '' ? outcome : run));
  return outcomes.length === 0 ? 'nobody wanted it' : outcomes.join(' ');
};

const eventView: View<EventItem> = {
  name: (event) => event.id,
  empty: 'no such events; send one: sally event send --type TYPE',
  columns: [
    { title: 'id', of: (event) => event.id },
    { title: 'type', of: (event) => event.type, most: 40 },
    { title: 'source', of: (event) => event.source, most: 40 },
    { title: 'subject', of: (event) => event.subject, most: 24 },
    { title: 'came', of: (event) => showAge(event.received_at, Date.now()) },
    { title: 'caused', of: causedBy, most: 80 },
  ],
};

export async function sendEvent(
  context: Context,
  [argument]: readonly (string | undefined)[],
  flags: Flags,
): Promise<undefined> {
  const { api, printer } = context;
  const file = argument ?? textOf(flags, 'file');
  const body = file === undefined ? eventOf(flags) : readText(file);
  const response = await api.ask('/v1/events', { method: 'POST', body, headers: structured });
  const taken = (await response.json()) as EventItem;
  if (response.status === 200) printer.note('it was taken in before, and fires nothing again');
  const event = isSet(flags, 'wait') ? await matched(context, taken.id) : taken;
  await printer.one(event, eventView, () =>
    isSet(flags, 'wait') ? [`${visibleLine(event.id)} ${visibleLine(causedBy(event))}`] : [visibleLine(event.id)],
  );
  return undefined;
}

/** An event from options; its id is made here unless one is given. */
function eventOf(flags: Flags): string {
  const type = textOf(flags, 'type');
  if (type === undefined)
    throw usage(
      'the event cannot be sent',
      'it has no --type',
      'add --type order.created, or name a file that holds it',
    );
  const contentType = textOf(flags, 'contentType');
  const attributes = {
    specversion: '1.0',
    id: textOf(flags, 'id') ?? randomUUID(),
    source: textOf(flags, 'source') ?? '/sally',
    type,
    subject: textOf(flags, 'subject'),
    datacontenttype: contentType,
  };
  const data = textOf(flags, 'data');
  if (data === undefined) return JSON.stringify(attributes);
  const text = data === '-' ? readText('-') : data.startsWith('@') ? readText(data.slice(1)) : data;
  if (contentType !== undefined && !/json/i.test(contentType)) return JSON.stringify({ ...attributes, data: text });
  try {
    return JSON.stringify({ ...attributes, data: JSON.parse(text) as unknown });
  } catch {
    throw usage(
      'the event cannot be sent',
      '--data is no JSON',
      'quote it, or say what it is with --content-type text/plain',
    );
  }
}

/** The event once it is known who wants it. */
async function matched({ api }: Context, id: string): Promise<EventItem> {
  for (;;) {
    const event = await api.get<EventItem>(`/v1/events/${encodeURIComponent(id)}`);
    if (event.matched_at !== undefined) return event;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
    api.signal.throwIfAborted();
  }
}

export async function listEvents({ api, printer }: Context, _: unknown, flags: Flags): Promise<undefined> {
  const most = countOf(flags, 'limit', '--limit') ?? 50;
  const query = { limit: Math.min(200, most), type: textOf(flags, 'type') };
  await printer.list(await api.all<EventItem>('/v1/events', query, most), eventView);
  return undefined;
}

export async function getEvent(
  { api, printer }: Context,
  [id = '']: readonly (string | undefined)[],
): Promise<undefined> {
  const event = await api.get<EventItem>(`/v1/events/${encodeURIComponent(id)}`);
  await printer.one(event, eventView, () => describe(event));
  return undefined;
}

function describe(event: EventItem): string[] {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['id', event.id],
    ['type', event.type],
    ['source', event.source],
    ['source id', event.source_id],
    ['subject', event.subject],
    ['time', event.time],
    ['producer', event.producer],
    ['received', event.received_at],
    ['caused', causedBy(event)],
    ['data type', event.data_content_type],
  ];
  const lines = rows.flatMap(([name, value = '']) =>
    value === '' ? [] : [`${name.padEnd(10)} ${visibleLine(value)}`],
  );
  const data = Buffer.from(event.data, 'base64').toString('utf8');
  return data === '' ? lines : [...lines, '', ...visible(data).split('\n')];
}
