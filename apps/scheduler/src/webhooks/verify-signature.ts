/**
 * Judges the signature of a request by the Standard Webhooks specification, over the bytes as they came.
 *
 * The reference library turns the body into text first, which makes different bytes equal, and reads the machine's clock; so the
 * comparison is made here, and the library stands on the other side in the tests.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';

/** A request as it came. */
export interface SignedRequest {
  readonly id: string;
  /** Seconds since the epoch, as text. */
  readonly timestamp: string;
  /** `v1,<base64>`, several of them between spaces while the sender changes its secret. */
  readonly signature: string;
  readonly body: Uint8Array;
}

/** `stale` is signed well, and long ago or far ahead. */
export type SignatureVerdict = 'good' | 'stale' | 'bad';

const toleranceSeconds = 5 * 60;
const maxSignatures = 10;
const macBytes = 32;

/** The time of a request in milliseconds; the form was judged before. */
export const signedAt = ({ timestamp }: Pick<SignedRequest, 'timestamp'>): number => Number(timestamp) * 1000;

/** Every secret is held against every signature, whichever fits first: the time it takes tells nothing. */
export function verifySignature(request: SignedRequest, secrets: readonly Uint8Array[], now: number): SignatureVerdict {
  const { id, timestamp, body } = request;
  // A full stop in the id could be read as the end of it.
  const wellFormed = /^[\x21-\x2d\x2f-\x7e]{1,256}$/.test(id) && /^(?:0|[1-9]\d{0,11})$/.test(timestamp);
  const given = signaturesOf(request.signature);
  let good = 0;
  for (const secret of secrets) {
    const mac = createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body).digest();
    for (const signature of given) good |= Number(timingSafeEqual(mac, signature));
  }
  if (good === 0 || !wellFormed) return 'bad';
  return Math.abs(now - signedAt(request)) > toleranceSeconds * 1000 ? 'stale' : 'good';
}

function signaturesOf(header: string): readonly Buffer[] {
  return header
    .split(' ')
    .slice(0, maxSignatures)
    .flatMap((each) => {
      const text = /^v1,([A-Za-z0-9+/]{43}=)$/.exec(each)?.[1];
      return text === undefined ? [] : [Buffer.from(text, 'base64')];
    })
    .filter((mac) => mac.length === macBytes);
}
