/** The key that a provider would ask for, wherever a dialect carries it. */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

function offered(request: IncomingMessage): string[] {
  const { authorization = '', 'x-api-key': anthropic, 'x-goog-api-key': gemini } = request.headers;
  const query = new URL(request.url ?? '/', 'http://scripted').searchParams.get('key');
  const bearer = /^Bearer (.+)$/i.exec(authorization)?.[1];
  return [bearer, anthropic, gemini, query].filter((value) => typeof value === 'string');
}

/** Whether a request carries the key; any other key beside it is refused like none. */
export function carriesKey(request: IncomingMessage, key: string): boolean {
  const keys = offered(request);
  return keys.length > 0 && keys.every((value) => timingSafeEqual(digest(value), digest(key)));
}
