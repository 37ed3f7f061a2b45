/** Which headers go on. */

import type { IncomingHttpHeaders } from 'node:http';
import type { Injection } from '../credentials/credentials.ts';
import { scrubHeaders } from '../credentials/scrub.ts';

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

/** With these an answer could come in pieces or codings in which a secret is not seen. */
const obscuring = new Set(['accept-encoding', 'range', 'if-range', 'a-im']);

/** Headers of a request on their way to the provider, with its credential when there is one. */
export function requestHeaders(headers: IncomingHttpHeaders, injection?: Injection): Headers {
  const kept = passed(headers, (name) => !withheld.has(name) && !withheldPrefix.test(name));
  if (injection === undefined) return kept;
  const plain = Object.entries(kept).filter(([name]) => !obscuring.has(name));
  return { ...Object.fromEntries(plain), 'accept-encoding': 'identity', ...injection.header };
}

/** Headers of an answer on their way to the sandbox: no cookie, and nothing that speaks in egress's own voice. */
export const responseHeaders = (headers: IncomingHttpHeaders): Headers =>
  passed(headers, (name) => name !== 'set-cookie' && name !== 'alt-svc' && !withheldPrefix.test(name));

/** The same for an answer that was looked through for a secret: without its coding when that was undone. */
export function scrubbedHeaders(headers: IncomingHttpHeaders, secret: string, isDecoded: boolean): Headers {
  const { 'content-encoding': encoding, 'content-length': length, ...rest } = responseHeaders(headers);
  const framing = { ...(encoding && { 'content-encoding': encoding }), ...(length && { 'content-length': length }) };
  return scrubHeaders(isDecoded ? rest : { ...rest, ...framing }, secret);
}
