import { describe, expect, test } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { verifySignature } from './verify-signature.ts';

/** The example that the specification's libraries test against. */
const secret = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
const request = {
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: '1614265330',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  body: Buffer.from('{"test": 2432232314}'),
};
const at = Number(request.timestamp) * 1000;
const other = Buffer.alloc(32, 7);

describe('a signature', () => {
  test('of the specification’s example is good', () => {
    expect(verifySignature(request, [secret], at)).toBe('good');
  });

  test('of any body that the reference library signs is good', () => {
    const key = `whsec_${other.toString('base64')}`;
    for (const body of ['', '{}', 'ü€😀', ' \n', 'x'.repeat(100_000)]) {
      const signature = new Webhook(key).sign('msg_1', new Date(at), body);
      const signed = { ...request, id: 'msg_1', signature, body: Buffer.from(body) };
      expect(verifySignature(signed, [secret, other], at)).toBe('good');
    }
  });

  test.each<[string, Partial<typeof request>]>([
    ['no signature', { signature: '' }],
    ['no version', { signature: request.signature.slice(3) }],
    ['an unknown version', { signature: request.signature.replace('v1', 'v1a') }],
    ['a cut signature', { signature: request.signature.slice(0, -4) }],
    ['base64 of another alphabet', { signature: request.signature.replace('+', '-').replace('/', '_') }],
    ['eleven signatures, the right one last', { signature: `${'v1,x '.repeat(10)}${request.signature}` }],
    ['another body', { body: Buffer.from('{"test":2432232314}') }],
    ['another id', { id: 'msg_1' }],
    ['no id', { id: '' }],
    ['another time', { timestamp: '1614265331' }],
    ['a time with a leading zero', { timestamp: `0${request.timestamp}` }],
    ['a time in words', { timestamp: 'now' }],
    ['no time', { timestamp: '' }],
  ])('with %s is bad', (_, change) => {
    expect(verifySignature({ ...request, ...change }, [secret], at)).toBe('bad');
  });

  test('of another secret, or of none, is bad', () => {
    expect(verifySignature(request, [other], at)).toBe('bad');
    expect(verifySignature(request, [], at)).toBe('bad');
  });

  test('does not let the end of the id be moved into the time', () => {
    const key = `whsec_${other.toString('base64')}`;
    const signature = new Webhook(key).sign('msg_1', new Date(at), `${request.timestamp}.{}`);
    const moved = {
      id: `msg_1.${request.timestamp}`,
      timestamp: request.timestamp,
      signature,
      body: Buffer.from('{}'),
    };
    expect(verifySignature(moved, [other], at)).toBe('bad');
  });

  test.each<[number, string]>([
    [0, 'good'],
    [300, 'good'],
    [-300, 'good'],
    [300.001, 'stale'],
    [-300.001, 'stale'],
  ])('%d seconds off is %s', (seconds, verdict) => {
    expect(verifySignature(request, [secret], at + seconds * 1000)).toBe(verdict);
  });
});
