/**
 * CloudEvents 1.0 as text and headers: JSON format (structured mode) and the binary mode of the HTTP and NATS bindings.
 *
 * Everything read here comes from outside. Sizes are bounded, control characters are refused, and what is not understood is an
 * `EventInvalid` that names the attribute.
 */

/** One event; `time` in milliseconds since the epoch. */
export interface CloudEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** Empty when there is none. */
  readonly subject: string;
  readonly time: number | undefined;
  /** Media type of the data; empty means JSON. */
  readonly dataContentType: string;
  readonly data: Uint8Array;
  /** Extension attributes in their string form. */
  readonly extensions: Readonly<Record<string, string>>;
}

/** Bytes of an event in structured mode, attributes and base64 included. */
export const maxEventBytes = 256 * 1024;

export const structuredType = 'application/cloudevents+json';

/** What is wrong with an event; `pointer` is an RFC 6901 pointer into its JSON form. */
export class EventInvalid extends Error {
  override readonly name = 'EventInvalid';
  readonly pointer: string;
  readonly why: string;

  constructor(pointer: string, why: string) {
    super(`${pointer}: ${why}`);
    this.pointer = pointer;
    this.why = why;
  }
}

/** An event beyond the bound on its size. */
export class EventTooLarge extends EventInvalid {}

const limits = { id: 256, source: 1024, type: 256, subject: 1024, datacontenttype: 256 } as const;
const maxExtensions = 32;
const maxExtensionValue = 1024;
/** Names that are no extension's; `dataschema` is kept like one. */
const core: ReadonlySet<string> = new Set([...Object.keys(limits), 'specversion', 'time', 'data']);

/** Whether a media type says that the data is JSON; none at all does. */
export const isJsonType = (type: string): boolean =>
  type === '' || /^[\w.+-]+\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type);

const printable = (text: string): boolean => text.isWellFormed() && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text);

/**
 * An event whose attributes keep the rules of the specification and the bounds above.
 *
 * @throws EventInvalid
 */
export function checkCloudEvent(event: CloudEvent): CloudEvent {
  for (const name of ['id', 'source', 'type'] as const)
    if (event[name] === '') throw new EventInvalid(`/${name}`, 'is missing');
  const texts = Object.entries({ ...event, datacontenttype: event.dataContentType });
  for (const [name, value] of texts) {
    const limit = limits[name as keyof typeof limits];
    if (limit === undefined || typeof value !== 'string') continue;
    if (value.length > limit || !printable(value) || value.trim() !== value)
      throw new EventInvalid(`/${name}`, `must be at most ${limit} printable characters`);
  }
  if (/\s/.test(event.source)) throw new EventInvalid('/source', 'must be a URI reference');
  if (event.time !== undefined && !(Math.abs(event.time) <= 253_402_300_799_999 && event.time >= -62_135_596_800_000))
    throw new EventInvalid('/time', 'must be an RFC 3339 time');
  checkExtensions(event.extensions);
  if (event.data.byteLength > maxEventBytes || structuredBytes(event).byteLength > maxEventBytes)
    throw new EventTooLarge('/data', `the event has more than ${maxEventBytes} bytes as JSON`);
  return event;
}

function checkExtensions(extensions: CloudEvent['extensions']): void {
  const entries = Object.entries(extensions);
  if (entries.length > maxExtensions)
    throw new EventInvalid('/', `has more than ${maxExtensions} extension attributes`);
  for (const [name, value] of entries) {
    if (!/^[a-z0-9]{1,20}$/.test(name) || core.has(name))
      throw new EventInvalid(
        `/${name.slice(0, 40)}`,
        'is no attribute name: use 1 to 20 lower-case letters and digits',
      );
    if (value.length > maxExtensionValue || !printable(value))
      throw new EventInvalid(`/${name}`, `must be at most ${maxExtensionValue} printable characters`);
  }
}

/**
 * An event in structured mode.
 *
 * @throws EventInvalid
 */
export function parseStructured(value: unknown): CloudEvent {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new EventInvalid('/', 'must be one event, a JSON object; batches are not taken');
  const { data, data_base64: base64, ...rest } = value as Record<string, unknown>;
  const attributes = new Map(Object.entries(rest).flatMap(([name, each]) => attribute(name, each)));
  const dataContentType = attributes.get('datacontenttype') ?? '';
  return fromAttributes(attributes, dataContentType, dataOf(data, base64, dataContentType));
}

/** An attribute in its string form; null means that it is not there. */
function attribute(name: string, value: unknown): [string, string][] {
  if (value === null) return [];
  if (typeof value === 'string') return [[name, value]];
  if (typeof value === 'boolean') return [[name, String(value)]];
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= 2 ** 31)
    return [[name, String(value)]];
  throw new EventInvalid(`/${name.slice(0, 40)}`, 'must be a string, a boolean or a 32-bit integer');
}

function dataOf(data: unknown, base64: unknown, contentType: string): Uint8Array {
  if (base64 !== undefined && base64 !== null) {
    if (data !== undefined) throw new EventInvalid('/data', 'and data_base64 exclude each other');
    if (typeof base64 !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64) || base64.length % 4 !== 0)
      throw new EventInvalid('/data_base64', 'must be base64');
    return Buffer.from(base64, 'base64');
  }
  if (data === undefined) return new Uint8Array();
  if (isJsonType(contentType)) return Buffer.from(stringify(data));
  if (typeof data === 'string') return Buffer.from(data);
  throw new EventInvalid('/data', `must be a string, since datacontenttype is ${contentType}`);
}

function stringify(data: unknown): string {
  try {
    return JSON.stringify(data);
  } catch {
    throw new EventInvalid('/data', 'is nested too deeply');
  }
}

/**
 * An event in binary mode: `ce-` headers, their names in any case, and the body as data.
 *
 * @throws EventInvalid
 */
export function parseBinary(
  headers: Iterable<readonly [string, string]>,
  contentType: string,
  data: Uint8Array,
): CloudEvent {
  const attributes = new Map<string, string>();
  for (const [header, value] of headers) {
    const name = /^ce-(.+)$/i.exec(header)?.[1]?.toLowerCase();
    if (name === undefined) continue;
    if (name === 'datacontenttype') throw new EventInvalid('/datacontenttype', 'is the Content-Type header here');
    if (name === 'data') throw new EventInvalid('/data', 'is the body here');
    attributes.set(name, percentDecoded(name, value));
  }
  return fromAttributes(attributes, contentType, data);
}

/** Whether headers hold an event in binary mode. */
export const isBinary = (names: Iterable<string>): boolean =>
  [...names].some((name) => name.toLowerCase() === 'ce-specversion');

function percentDecoded(name: string, value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw new EventInvalid(`/${name.slice(0, 40)}`, 'is not percent-encoded UTF-8');
  }
}

function fromAttributes(
  attributes: ReadonlyMap<string, string>,
  dataContentType: string,
  data: Uint8Array,
): CloudEvent {
  const of = (name: string): string => attributes.get(name) ?? '';
  if (of('specversion') !== '1.0') throw new EventInvalid('/specversion', 'must be 1.0');
  const extensions = [...attributes].filter(([name]) => !core.has(name));
  return checkCloudEvent({
    id: of('id'),
    source: of('source'),
    type: of('type'),
    subject: of('subject'),
    time: attributes.has('time') ? parseTime(of('time')) : undefined,
    dataContentType,
    data,
    extensions: Object.fromEntries(extensions),
  });
}

function parseTime(text: string): number {
  const found = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/.test(text);
  const time = found ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new EventInvalid('/time', 'must be an RFC 3339 time');
  return time;
}

/** The event in structured mode, UTF-8 JSON. JSON data stands in it as it came; data that is no JSON and no text goes as `data_base64`. */
export function structuredBytes(event: CloudEvent): Uint8Array {
  const { id, source, type, subject, time, dataContentType, extensions } = event;
  const attributes = JSON.stringify({
    specversion: '1.0',
    id,
    source,
    type,
    ...(subject === '' ? {} : { subject }),
    ...(time === undefined ? {} : { time: new Date(time).toISOString() }),
    ...(dataContentType === '' ? {} : { datacontenttype: dataContentType }),
    ...extensions,
  });
  const member = dataMember(event);
  return Buffer.from(member === '' ? attributes : `${attributes.slice(0, -1)},${member}}`);
}

function dataMember({ data, dataContentType }: CloudEvent): string {
  if (data.byteLength === 0) return '';
  const text = textOf(data);
  // Written as it came: a number keeps every digit, and no depth of nesting is too much.
  if (text !== undefined && isJsonType(dataContentType) && jsonOf(data) !== undefined) return `"data":${text}`;
  if (text !== undefined && /^text\//i.test(dataContentType)) return `"data":${JSON.stringify(text)}`;
  return `"data_base64":"${Buffer.from(data).toString('base64')}"`;
}

/** The JSON value of data; undefined when it is none. */
export function jsonOf(data: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(data) ?? '') as unknown;
  } catch {
    return undefined;
  }
}

function textOf(data: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    return undefined;
  }
}
