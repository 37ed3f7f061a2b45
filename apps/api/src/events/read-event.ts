/** An event out of a request: CloudEvents 1.0 in structured or binary mode, or the same object as plain JSON. */

import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { EventSchema } from '@sallyport/contracts/schedule/v1/trigger';
import {
  type CloudEvent,
  EventInvalid,
  EventTooLarge,
  isBinary,
  maxEventBytes,
  parseBinary,
  parseStructured,
  structuredType,
} from '@sallyport/core/cloud-event';
import { bodyMalformed, bodyTooLarge, InvalidRequest, mediaTypeUnsupported } from '../faults.ts';
import { readBytes } from '../http/body.ts';
import type { ApiContext } from '../http/endpoint.ts';

/** Room for white space, and for base64 that turns out shorter. */
const limit = 2 * maxEventBytes;

export async function readEvent(c: ApiContext): Promise<CloudEvent> {
  const type = c.req.header('content-type') ?? '';
  const media = type.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const body = await readBytes(c, limit);
  try {
    if (media === structuredType) return parseStructured(jsonOf(body));
    const given = Object.entries(c.req.header());
    if (isBinary(given.map(([name]) => name))) return parseBinary(given, type, body);
    if (media === 'application/json') return parseStructured(versioned(jsonOf(body)));
  } catch (error) {
    if (error instanceof EventTooLarge) throw bodyTooLarge(maxEventBytes);
    if (error instanceof EventInvalid)
      throw new InvalidRequest([{ pointer: `/body${error.pointer}`, detail: error.why }]);
    throw error;
  }
  throw mediaTypeUnsupported(type, `${structuredType}, ce- headers, or application/json`);
}

function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown;
  } catch {
    throw bodyMalformed('JSON in UTF-8');
  }
}

/** Plain JSON need not say which version of the specification it follows. */
const versioned = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { specversion: '1.0', ...value } : value;

/** The event as the contract takes it. */
export const eventMessage = (event: CloudEvent): MessageInitShape<typeof EventSchema> => ({
  source: event.source,
  sourceId: event.id,
  type: event.type,
  subject: event.subject,
  ...(event.time === undefined ? {} : { time: timestampFromMs(event.time) }),
  dataContentType: event.dataContentType,
  data: event.data,
  extensions: { ...event.extensions },
});
