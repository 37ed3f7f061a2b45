/** Which headers go on. */

import type { IncomingHttpHeaders } from 'node:http';

/** RFC 9110 section 7.6.1, and what frames a message anew on every hop. */
const hop = new Set([
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'host',
  'http2-settings',
]);

/** A sandbox has no credential of its own worth sending, and no word in where it stands. */
const withheld = new Set([
  'cookie',
  'authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'dpop',
  'forwarded',
  'via',
  'x-real-ip',
  'client-ip',
  'true-client-ip',
]);

const withheldPrefix = /^(?:proxy-|x-forwarded-|sally-)/;

type Headers = Record<string, string | string[]>;

function passed(headers: IncomingHttpHeaders, isKept: (name: string) => boolean): Headers {
  const named = new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value !== undefined && !hop.has(name) && !named.has(name) && isKept(name) ? [[name, value]] : [],
    ),
  );
}

/** Headers of a request on their way to the provider. */
export const requestHeaders = (headers: IncomingHttpHeaders): Headers =>
  passed(headers, (name) => !withheld.has(name) && !withheldPrefix.test(name));

/** Headers of an answer on their way to the sandbox: no cookie, and nothing that speaks in egress's own voice. */
export const responseHeaders = (headers: IncomingHttpHeaders): Headers =>
  passed(headers, (name) => name !== 'set-cookie' && name !== 'alt-svc' && !withheldPrefix.test(name));
