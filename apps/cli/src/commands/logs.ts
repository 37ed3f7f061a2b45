/** `logs`: what a run has said, in order; with -f to its end. */

import type { EventSourceMessage } from 'eventsource-parser';
import { eventOf, follow, type StreamEvent } from '../client/stream.ts';
import type { Context } from '../context.ts';
import { exit } from '../exit.ts';
import { usage } from '../failure.ts';
import { countOf, type Flags, isSet, listOf, textOf } from '../flags.ts';
import { visible, visibleLine } from '../output/visible.ts';
import { Fields } from '../timeline/fields.ts';

const spoken = ['output', 'message.completed', 'tool.started', 'tool.completed', 'error', 'raw', 'output.dropped'];

export async function logs(
  context: Context,
  [id = '']: readonly (string | undefined)[],
  flags: Flags,
): Promise<number> {
  const stream = textOf(flags, 'stream');
  if (stream !== undefined && stream !== 'stdout' && stream !== 'stderr')
    throw usage('the stream is not known', `${stream} is neither stdout nor stderr`, 'choose one of them');
  const from = countOf(flags, 'fromSeq', '--from-seq') ?? 1;
  const types = listOf(flags, 'type');
  const query = {
    types: (types.length === 0 ? spoken : types).join(','),
    ...(types.includes('message.delta') ? { deltas: '1' } : {}),
  };
  const path = `/v1/runs/${encodeURIComponent(id)}/events`;
  const raw = isSet(flags, 'raw');
  const tell = (event: StreamEvent): void => {
    if (stream !== undefined && event.data['stream'] !== stream) return;
    if (context.printer.isData) context.printer.line(JSON.stringify(event));
    else speak(context, event, raw);
  };
  const after = Math.max(0, from - 1);
  if (!isSet(flags, 'follow')) return page(context, path, { ...query }, after, tell);
  for await (const message of follow(context.api, path, { query }, String(after))) {
    if (message.event !== 'end') told(message, tell);
  }
  return exit.ok;
}

function told(message: EventSourceMessage, tell: (event: StreamEvent) => void): void {
  const event = eventOf(message);
  if (event !== undefined && event.type !== 'run.transition') tell(event);
}

async function page(
  context: Context,
  path: string,
  query: Readonly<Record<string, string>>,
  after: number,
  tell: (event: StreamEvent) => void,
): Promise<number> {
  let cursor: number = after;
  for (;;) {
    const answer = await context.api.get<{ items: StreamEvent[]; next_cursor: string | null }>(path, {
      ...query,
      after: cursor,
      limit: 1_000,
    });
    for (const event of answer.items) tell(event);
    // A live run has no end yet: the page that brings the cursor no further is the last for this time.
    if (answer.next_cursor === null || Number(answer.next_cursor) === cursor) return exit.ok;
    cursor = Number(answer.next_cursor);
  }
}

function speak({ printer }: Context, event: StreamEvent, raw: boolean): void {
  const data = new Fields(event.data);
  const show = raw ? (text: string) => text : visible;
  switch (event.type) {
    case 'output':
      return printer.bytes(raw ? data.bytes('data') : Buffer.from(visible(data.bytes('data').toString('utf8'))));
    case 'message.completed':
    case 'raw':
      return printer.line(show(data.text('text')));
    case 'tool.started':
      return printer.line(
        printer.paint('dim', `[${visibleLine(data.text('tool'))}] ${visibleLine(data.text('arguments'))}`),
      );
    case 'tool.completed':
      return printer.line(show(data.text('text')).trimEnd());
    case 'error':
      return printer.line(printer.paint('red', visibleLine(`${data.text('reason')}: ${data.text('message')}`)));
    case 'output.dropped':
      return printer.line(printer.paint('yellow', `[${data.number('bytes')} bytes dropped beyond the limit]`));
    default:
      return printer.line(visibleLine(`${event.type} ${JSON.stringify(event.data)}`));
  }
}
