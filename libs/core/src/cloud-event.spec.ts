import { describe, expect, test } from '@jest/globals';
import {
  type CloudEvent,
  checkCloudEvent,
  EventInvalid,
  isBinary,
  isJsonType,
  maxEventBytes,
  parseBinary,
  parseStructured,
  structuredBytes,
} from './cloud-event.ts';

const plain = { specversion: '1.0', id: '1', source: '/shop', type: 'order.created' };
const written = (event: CloudEvent): unknown => JSON.parse(Buffer.from(structuredBytes(event)).toString('utf8'));

function pointerOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof EventInvalid) return error.pointer;
    throw error;
  }
  return 'accepted';
}

describe('structured mode', () => {
  test.each<[string, Record<string, unknown>]>([
    ['no data', plain],
    ['an object', { ...plain, data: { a: [1, null, 'ü'] } }],
    ['a bare null', { ...plain, data: null }],
    ['text', { ...plain, datacontenttype: 'text/plain', data: 'hello' }],
    ['bytes', { ...plain, datacontenttype: 'application/octet-stream', data_base64: 'AAEC/w==' }],
    [
      'every attribute',
      {
        ...plain,
        subject: 'order/7',
        time: '2026-01-02T03:04:05.678Z',
        dataschema: 'https://example.org/order',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        datacontenttype: 'application/vnd.shop+json',
        data: 7,
      },
    ],
  ])('reads and writes %s unchanged', (_, event) => {
    expect(written(parseStructured(event))).toEqual(event);
  });

  test.each<[string, unknown, string]>([
    ['no object', [], '/'],
    ['a batch', [plain], '/'],
    ['another version', { ...plain, specversion: '0.3' }, '/specversion'],
    ['no version', { ...plain, specversion: undefined }, '/specversion'],
    ['no id', { ...plain, id: '' }, '/id'],
    ['an id that is no string', { ...plain, id: { a: 1 } }, '/id'],
    ['an id beyond its bound', { ...plain, id: 'x'.repeat(257) }, '/id'],
    ['an id with NUL', { ...plain, id: 'a\0b' }, '/id'],
    ['half a surrogate pair', { ...plain, id: 'a\ud800' }, '/id'],
    ['a source with a space', { ...plain, source: '/a b' }, '/source'],
    ['no source', { ...plain, source: null }, '/source'],
    ['no type', { ...plain, type: undefined }, '/type'],
    ['a time in words', { ...plain, time: 'yesterday' }, '/time'],
    ['a time without a zone', { ...plain, time: '2026-01-02T03:04:05' }, '/time'],
    ['data twice', { ...plain, data: 1, data_base64: 'AA==' }, '/data'],
    ['broken base64', { ...plain, data_base64: '*' }, '/data_base64'],
    ['data that is no text', { ...plain, datacontenttype: 'text/plain', data: { a: 1 } }, '/data'],
    ['data beyond its bound', { ...plain, data: 'x'.repeat(maxEventBytes) }, '/data'],
    [
      'bytes that are beyond the bound as base64',
      { ...plain, datacontenttype: 'a/b', data_base64: 'A'.repeat(maxEventBytes) },
      '/data',
    ],
    ['an attribute name in upper case', { ...plain, Foo: 'x' }, '/Foo'],
    ['an attribute name with a dash', { ...plain, 'x-y': 'x' }, '/x-y'],
    ['an attribute that is an object', { ...plain, foo: {} }, '/foo'],
    ['an attribute that is a fraction', { ...plain, foo: 0.5 }, '/foo'],
    ['a long attribute', { ...plain, foo: 'x'.repeat(1025) }, '/foo'],
    [
      'too many attributes',
      { ...plain, ...Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`a${index}`, 'x'])) },
      '/',
    ],
  ])('refuses %s', (_, value, pointer) => {
    expect(pointerOf(() => parseStructured(value))).toBe(pointer);
  });

  test('refuses data nested deeper than it can be written', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    expect(pointerOf(() => parseStructured({ ...plain, data: deep }))).toBe('/data');
  });
});

describe('binary mode', () => {
  const headers: [string, string][] = [
    ['ce-specversion', '1.0'],
    ['Ce-Id', '1'],
    ['ce-source', '/shop'],
    ['ce-type', 'order.created'],
    ['content-length', '7'],
  ];

  test('is told by its headers', () => {
    expect(isBinary(headers.map(([name]) => name))).toBe(true);
    expect(isBinary(['content-type'])).toBe(false);
  });

  test('is the same event as in structured mode', () => {
    const binary = parseBinary([...headers, ['ce-subject', 'b%C3%BCro']], 'application/json', Buffer.from('{"a":1}'));
    expect(written(binary)).toEqual({
      ...plain,
      subject: 'büro',
      datacontenttype: 'application/json',
      data: { a: 1 },
    });
  });

  test.each<[string, [string, string][], string]>([
    ['a content type as an attribute', [...headers, ['ce-datacontenttype', 'text/plain']], '/datacontenttype'],
    ['broken percent-encoding', [...headers, ['ce-subject', '%zz']], '/subject'],
    ['no version', headers.slice(1), '/specversion'],
    ['data among the attributes', [...headers, ['ce-data', 'x']], '/data'],
  ])('refuses %s', (_, given, pointer) => {
    expect(pointerOf(() => parseBinary(given, '', new Uint8Array()))).toBe(pointer);
  });
});

describe('what is written', () => {
  const event = checkCloudEvent({
    id: '1',
    source: '/s',
    type: 't',
    subject: '',
    time: undefined,
    dataContentType: '',
    data: Buffer.from('{"a":'),
    extensions: {},
  });

  test.each<[string, string, string | Buffer]>([
    ['JSON that is none', '', '{"a":'],
    ['text that is no UTF-8', 'text/plain', Buffer.from([0xff])],
  ])('holds %s as base64', (_, dataContentType, data) => {
    const bytes = Buffer.from(data);
    expect(written({ ...event, dataContentType, data: bytes })).toMatchObject({
      data_base64: bytes.toString('base64'),
    });
  });

  test('holds JSON as it came, every digit and every depth of it', () => {
    for (const data of ['12345678901234567890.10', `${'['.repeat(50_000)}${']'.repeat(50_000)}`, ' {"a": 1} ']) {
      const text = Buffer.from(structuredBytes({ ...event, data: Buffer.from(data) })).toString('utf8');
      expect(text.endsWith(`,"data":${data}}`)).toBe(true);
    }
  });

  test('tells JSON by its media type', () => {
    expect(['', 'application/json', 'application/json; charset=utf-8', 'text/x+json'].map(isJsonType)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(['text/plain', 'application/jsonx', 'json'].map(isJsonType)).toEqual([false, false, false]);
  });
});
