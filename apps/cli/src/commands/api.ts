/** `api METHOD PATH`: any route, with the key and nothing in between. */

import type { Context } from '../context.ts';
import { exit } from '../exit.ts';
import { usage } from '../failure.ts';
import { type Flags, isSet, listOf, readText, textOf } from '../flags.ts';
import { visible } from '../output/visible.ts';

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export async function callApi(
  context: Context,
  [method = '', path = '']: readonly (string | undefined)[],
  flags: Flags,
): Promise<number> {
  if (!methods.has(method.toUpperCase()))
    throw usage('the method is not usable', `${JSON.stringify(method)} is none`, 'use GET, POST or PUT');
  const { api, printer } = context;
  if (isSet(flags, 'paginate')) {
    for (const item of await api.all<unknown>(path)) printer.line(JSON.stringify(item));
    return exit.ok;
  }
  const data = textOf(flags, 'data');
  const body =
    data === undefined
      ? undefined
      : data === '-'
        ? readText('-')
        : data.startsWith('@')
          ? readText(data.slice(1))
          : data;
  const headers = Object.fromEntries(listOf(flags, 'header').map(headerOf));
  const response = await api.ask(path, {
    method: method.toUpperCase(),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body }),
  });
  if (response.body === null) return exit.ok;
  // A terminal must not obey what an agent wrote; a pipe gets the bytes.
  const decoder = new TextDecoder();
  for await (const chunk of response.body) {
    if (printer.isTerminal) process.stdout.write(visible(decoder.decode(chunk, { stream: true })));
    else printer.bytes(chunk);
  }
  return exit.ok;
}

function headerOf(text: string): readonly [string, string] {
  const split = text.indexOf(':');
  if (split < 1)
    throw usage(
      'the header is not usable',
      `${JSON.stringify(text)} is not NAME:VALUE`,
      'write it as -H "if-match: \\"3\\""',
    );
  return [text.slice(0, split).trim().toLowerCase(), text.slice(split + 1).trim()];
}
