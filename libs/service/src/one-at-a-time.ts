/**
 * One request at a time on a connection.
 *
 * Node reads pipelined requests as fast as they arrive and hands all of them out at once, so one peer that never waits for an answer
 * fills the memory of a process that is careful in every other way. No client of ours pipelines, and hardly any other does.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export type Answer<Q extends IncomingMessage, S extends ServerResponse> = (request: Q, response: S) => void;

/**
 * Wraps the listener of an HTTP/1.1 server: a request that arrives before the one ahead of it was answered ends its connection, and
 * `onFlood` hears of it once. Never throws.
 */
export function oneAtATime<Q extends IncomingMessage, S extends ServerResponse>(
  answer: Answer<Q, S>,
  onFlood: () => void = () => undefined,
): Answer<Q, S> {
  const busy = new WeakSet<Socket>();
  return (request, response) => {
    const { socket } = request;
    // What the parser had already read goes nowhere.
    if (socket.destroyed) return;
    if (busy.has(socket)) {
      socket.destroy();
      return onFlood();
    }
    busy.add(socket);
    response.once('close', () => busy.delete(socket));
    answer(request, response);
  };
}
