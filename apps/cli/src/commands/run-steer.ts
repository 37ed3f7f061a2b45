/** `run steer`: say the next thing to a run that stays, or end what it works on. */

import { randomUUID } from 'node:crypto';
import type { Api } from '../client/api.ts';
import type { Input } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { usage } from '../failure.ts';
import { type Flags, isSet, readText, textOf } from '../flags.ts';
import { visibleLine } from '../output/visible.ts';

/** One thing to say; the API takes exactly one of the three. */
export type Saying = { readonly text: string } | { readonly cancel: string } | { readonly leave: true };

/** One key per saying, so that a retry of the request is never said twice. */
export const say = (api: Api, run: string, saying: Saying, key: string = randomUUID()): Promise<Input> =>
  api.send<Input>('POST', `/v1/runs/${encodeURIComponent(run)}/inputs`, saying, { 'idempotency-key': key });

export async function steerRun(
  { api, printer }: Context,
  [run = '']: readonly (string | undefined)[],
  flags: Flags,
): Promise<undefined> {
  const input = await say(api, run, sayingOf(flags), textOf(flags, 'idempotencyKey'));
  await printer.one(input, { columns: [], name: ({ id }) => id }, () => [visibleLine(input.id)]);
  return undefined;
}

function sayingOf(flags: Flags): Saying {
  const text = textOf(flags, 'text');
  const file = textOf(flags, 'textFile');
  const cancel = isSet(flags, 'cancel') ? '' : textOf(flags, 'cancel');
  const sayings: Saying[] = [
    ...(text === undefined ? [] : [{ text: text === '-' ? readText('-') : text }]),
    ...(file === undefined ? [] : [{ text: readText(file) }]),
    ...(cancel === undefined ? [] : [{ cancel }]),
    ...(isSet(flags, 'leave') ? [{ leave: true } as const] : []),
  ];
  const [saying, ...others] = sayings;
  if (saying !== undefined && others.length === 0) return saying;
  throw usage(
    'what to say is not clear',
    saying === undefined ? 'nothing was given' : 'more than one thing was given',
    'give exactly one of --text, --text-file, --cancel and --leave',
  );
}
