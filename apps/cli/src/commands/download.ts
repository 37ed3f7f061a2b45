/** An answer saved whole or not at all. */

import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Context } from '../context.ts';
import { exit } from '../exit.ts';
import { Failure, usage } from '../failure.ts';
import { visibleLine } from '../output/visible.ts';

/** Saves to a file and says so; `-` is standard output, unless that is a terminal. */
export async function saveTo(context: Context, path: string, file: string): Promise<void> {
  const { printer } = context;
  if (file === '-' && printer.isTerminal)
    throw usage('binary data is not printed', 'standard output is a terminal', 'name a file, or pipe it on');
  if (file === '-') {
    const source = await open(context, path);
    for await (const chunk of source) printer.bytes(chunk as Buffer);
    return;
  }
  await fetchTo(context, path, file);
  if (printer.isData) printer.line(JSON.stringify({ file }));
  else printer.line(visibleLine(file));
}

/** Saves to a file. */
export async function fetchTo(context: Context, path: string, file: string): Promise<void> {
  const part = `${file}.part`;
  try {
    await pipeline(await open(context, path), createWriteStream(part, { mode: 0o600 }), { signal: context.signal });
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    if (context.signal.aborted) throw context.signal.reason;
    if (error instanceof Failure) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw Failure.of(
      exit.unreachable,
      'cli.download',
      `${file} could not be saved`,
      why,
      'check the disk and the connection, then try again',
    );
  }
}

async function open({ api }: Context, path: string): Promise<Readable> {
  const response = await api.ask(path);
  return response.body === null
    ? Readable.from([])
    : Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
}
