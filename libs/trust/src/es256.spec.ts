import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { es256Sign, es256Verify } from './es256.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const input = Buffer.from('what is signed');

/** Enough that numbers with a leading zero byte, and with two, are among them. */
const rounds = 2_000;

describe('ES256', () => {
  test('verifies what Node signs in the form of RFC 7518', () => {
    for (let round = 0; round < rounds; round += 1) {
      const signature = sign('sha256', input, { key: privateKey, dsaEncoding: 'ieee-p1363' });
      expect(es256Verify(input, signature, publicKey)).toBe(true);
    }
  });

  test('signs what Node verifies in the form of RFC 7518', () => {
    for (let round = 0; round < rounds; round += 1) {
      const signature = es256Sign(input, privateKey);
      expect(signature).toHaveLength(64);
      expect(verify('sha256', input, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)).toBe(true);
    }
  });

  test('refuses every other length, DER, zeros and numbers beyond the order', () => {
    const good = es256Sign(input, privateKey);
    const wrong = [
      Buffer.alloc(0),
      good.subarray(0, 63),
      Buffer.concat([good, Buffer.alloc(1)]),
      sign('sha256', input, privateKey),
      Buffer.alloc(64),
      Buffer.alloc(64, 0xff),
      Buffer.concat([Buffer.alloc(32), good.subarray(32)]),
      Buffer.concat([good.subarray(0, 32), Buffer.alloc(32)]),
    ];
    for (const signature of wrong) expect(es256Verify(input, signature, publicKey)).toBe(false);
  });
});
