/** A reader of a run's stream whose socket is cut. */

import { type ClientRequest, request } from 'node:http';
import { createParser } from 'eventsource-parser';
import type { Rest } from '../start/rest.ts';
import type { EventView } from './started-stack.ts';

/** What was read before the cut. */
export interface Cut {
  readonly events: readonly EventView[];
  /** Whether the server said that this is the end. */
  readonly ended: boolean;
}

/** Reads a run's stream behind a sequence and cuts the socket after so many bytes, wherever in an event that is. */
export function readUntil(rest: Rest, run: string, after: number, bytes: number): Promise<Cut> {
  return new Promise((resolve, reject) => {
    const events: EventView[] = [];
    let ended = false;
    let left = bytes;
    const parser = createParser({
      onEvent: ({ event, data }) => {
        if (event === 'end') ended = true;
        else if (event !== 'lagged') events.push(JSON.parse(data) as EventView);
      },
    });
    const done = (): void => resolve({ events: events.filter(({ seq }) => seq !== undefined), ended });
    const ask: ClientRequest = request(
      `${rest.url}/v1/runs/${run}/events`,
      {
        agent: false,
        headers: {
          accept: 'text/event-stream',
          authorization: `Bearer ${rest.token}`,
          'last-event-id': String(after),
        },
      },
      (response) => {
        response.setEncoding('latin1');
        response.on('data', (chunk: string) => {
          parser.feed(chunk.slice(0, left));
          left -= chunk.length;
          if (left > 0) return;
          ask.destroy();
          done();
        });
        response.on('end', done);
        response.on('error', () => undefined);
      },
    );
    ask.on('error', (error) => (ask.destroyed ? undefined : reject(error)));
    ask.end();
  });
}
