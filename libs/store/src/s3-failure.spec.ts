import { describe, expect, test } from '@jest/globals';
import { isMissing, isRefusedCondition, s3Failed } from './s3-failure.ts';

const answered = (name: string, status: number, more: object = {}): Error =>
  Object.assign(new Error('no'), { name, $metadata: { httpStatusCode: status }, ...more });

describe('a failure of an S3 bucket', () => {
  test.each([
    ['a bucket that is not there', answered('NoSuchBucket', 404), /SALLY_S3_BUCKET/],
    ['a bare 404', answered('NotFound', 404), /SALLY_S3_BUCKET/],
    ['keys nobody knows', answered('InvalidAccessKeyId', 403), /SALLY_S3_ACCESS_KEY_FILE/],
    ['a wrong secret', answered('SignatureDoesNotMatch', 403), /SALLY_S3_SECRET_KEY_FILE/],
    ['another region', answered('PermanentRedirect', 301), /SALLY_S3_REGION/],
    ['too few rights', answered('AccessDenied', 403), /may not/],
    ['a bare 403', answered('Unknown', 403), /may not/],
    ['a busy server', answered('SlowDown', 503), /overloaded/],
    ['a failing server', answered('InternalError', 500), /overloaded or failing/],
    ['clocks apart', answered('RequestTimeTooSkewed', 403), /clocks/],
    ['a closed port', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), /SALLY_S3_ENDPOINT/],
    ['a name nobody has', Object.assign(new Error('dns'), { code: 'ENOTFOUND' }), /SALLY_S3_ENDPOINT/],
    ['silence', Object.assign(new Error('late'), { name: 'TimeoutError' }), /SALLY_S3_ENDPOINT/],
    ['something never heard of', answered('NotImplemented', 501), /overloaded or failing/],
    ['no error at all', 'text', /log/],
  ])('says what helps: %s', (_, error, remedy) => {
    const fault = s3Failed('write', error);
    expect({ code: fault.code, reason: fault.reason, detail: fault.detail }).toEqual({
      code: 'unavailable',
      reason: 'store.bucket',
      detail: { doing: 'write' },
    });
    expect(fault.message).toMatch(remedy);
  });

  test('keeps nothing of the request that failed', () => {
    const fault = s3Failed('write', answered('AccessDenied', 403, { AWSAccessKeyId: 'key-id', $response: 'signed' }));
    const cause = fault.cause as Error;
    expect(Object.keys(cause)).toEqual([]);
    expect(`${cause.message}${cause.stack}`).not.toMatch(/key-id|signed/);
  });
});

describe('an answer of a server', () => {
  test.each([
    [answered('PreconditionFailed', 412), false, true],
    [answered('Unknown', 412), false, true],
    [answered('NoSuchKey', 404), true, true],
    [answered('NoSuchKey', 404), false, false],
    [answered('NoSuchBucket', 404), true, false],
    [answered('InternalError', 500), true, false],
  ])('tells a refused condition: %s, with If-Match %s: %s', (error, ifMatch, refused) => {
    expect(isRefusedCondition(error, ifMatch)).toBe(refused);
  });

  test.each([
    [answered('NoSuchKey', 404), true],
    [answered('NotFound', 404), true],
    [answered('NoSuchBucket', 404), false],
    [answered('AccessDenied', 403), false],
  ])('tells a missing object: %s: %s', (error, missing) => {
    expect(isMissing(error)).toBe(missing);
  });
});
