/** Answers specs over a Unix socket: each part is provided once for the whole run, by whoever asks first. */

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '@sallyport/core/fault';
import type { WideThings } from '@sallyport/testkit/wide';
import type { Provide, Provided } from './requirement.ts';

type Requirements = { readonly [K in keyof WideThings]?: Provide<unknown> };

export interface Broker {
  readonly socket: string;
  stop(): Promise<void>;
}

const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text === '' ? {} : JSON.parse(text);
};

export async function startBroker(requirements: Requirements, say: (line: string) => void): Promise<Broker> {
  const table = new Map<string, Provide<unknown>>(Object.entries(requirements));
  const standing = new Map<string, Promise<Provided<unknown>>>();
  const directory = mkdtempSync(join(tmpdir(), 'sally-wide-'));
  const socket = join(directory, 'socket');

  const answer = async (path: string, body: unknown): Promise<unknown> => {
    const [, name = '', action = ''] = path.split('/');
    const provide = table.get(name);
    if (provide === undefined)
      throw new Fault('not_found', 'wide.unknown', `tools/wide/requirements.ts has no row ${name}`);
    const provided = standing.get(name) ?? provide(say);
    standing.set(name, provided);
    const part = await provided;
    if (action === 'provide') return part.value;
    const act = part.actions?.[action];
    if (act === undefined) throw new Fault('not_found', 'wide.unknown', `${name} has no action ${action}`);
    return act(body);
  };

  const server = createServer((request, response) => {
    bodyOf(request)
      .then((body) => answer(request.url ?? '', body))
      .then(
        (value) => response.end(JSON.stringify(value ?? null)),
        (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
      );
  });
  // A part may take minutes to get; the spec's own limit is the one that counts.
  server.requestTimeout = 0;
  server.timeout = 0;
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    socket,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      for (const provided of [...standing.values()].toReversed()) {
        const part = await provided.catch(() => undefined);
        await part?.stop().catch((error: unknown) => say(`could not stop: ${String(error)}`));
      }
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
