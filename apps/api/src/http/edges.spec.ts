import { describe, expect, test } from '@jest/globals';
import { keyOf } from '../session/credential.ts';
import { etagOf, versionOf } from './etag.ts';
import { isServedHost } from './hosts.ts';
import { honoPattern } from './router.ts';
import { encodeFrame, type SseEvent } from './sse.ts';

const key = `sally_${'k'.repeat(43)}`;
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

/** What a piece of work throws. */
function thrown(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

describe('the key of a request', () => {
  test.each([[`Bearer ${key}`], [`bearer ${key}`], [basic(`any:${key}`)], [basic(`:${key}`)]])(
    'is found in %j',
    (header) => {
      expect(keyOf(header)).toBe(key);
    },
  );

  test.each([
    [undefined, 'api.key_missing'],
    ['', 'api.key_missing'],
    ['Bearer', 'api.key_malformed'],
    ['Bearer eyJhbGciOiJFUzI1NiJ9.e30.x', 'api.key_malformed'],
    [`Digest ${key}`, 'api.key_malformed'],
    [basic('any:password'), 'api.key_malformed'],
    [`Bearer ${key}\u0000`, 'api.key_malformed'],
    [`Bearer sally_${'k'.repeat(500)}`, 'api.key_malformed'],
  ])('is refused in %j', (header, reason) => {
    expect(thrown(() => keyOf(header))).toMatchObject({ code: 'unauthenticated', reason });
  });
});

describe('a host name', () => {
  test.each(['127.0.0.1:7420', 'localhost', 'LOCALHOST:80', '[::1]:7420', 'sally.example.org:7420'])(
    '%s is served',
    (host) => {
      expect(isServedHost(host, ['sally.example.org'])).toBe(true);
    },
  );

  test.each([
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '::1',
    'localhost:7420:80',
  ])('%s is not', (host) => {
    expect(isServedHost(host, ['sally.example.org'])).toBe(false);
  });
});

describe('an entity tag', () => {
  test('is the version and back', () => {
    expect(versionOf(etagOf(7n))).toBe(7n);
    expect([versionOf(undefined), versionOf('*')]).toEqual([0n, 0n]);
  });

  test.each(['7', 'W/"7"', '"seven"', '"7", "8"'])('%s is refused', (header) => {
    expect(thrown(() => versionOf(header))).toMatchObject({ reason: 'api.invalid_request' });
  });
});

describe('a path', () => {
  test.each([
    ['/v1/runs/{id}', '/v1/runs/:id'],
    ['/v1/runs/{id}:cancel', '/v1/runs/:id{[^/:]+:cancel}'],
    ['/v1/workspaces/{name}/files/{path+}', '/v1/workspaces/:name/files/:path{.+}'],
  ])('%s is routed as %s', (path, pattern) => {
    expect(honoPattern(path)).toBe(pattern);
  });
});

describe('an event on the wire', () => {
  test('has its id only when a reader may resume from it', () => {
    const text = (event: SseEvent): string => Buffer.from(encodeFrame(event)).toString();
    expect(text({ id: '4', event: 'raw', data: '{}' })).toBe('id: 4\nevent: raw\ndata: {}\n\n');
    expect(text({ event: 'end', data: '{}' })).toBe('event: end\ndata: {}\n\n');
  });
});
