/** T2: verifying a dispatch token, cold (never seen) and warm, against a raw node:crypto verify of the same bytes. */

import { createPublicKey, verify } from 'node:crypto';
import { TestIssuer } from '@sallyport/testkit/issuer';
import { type Bench, figure, interleave, median, timeEach } from './bench.ts';

const tokens = 1_000;

export const t2: Bench = {
  id: 'T2',
  async run({ rounds }) {
    const issuer = await TestIssuer.create();
    const key = createPublicKey({ key: JSON.parse(issuer.publicJwk('dispatch')) as never, format: 'jwk' });
    const warm: number[] = [];
    const fresh = (): Promise<string[]> =>
      Promise.all(Array.from({ length: tokens }, async () => (await issuer.dispatch()).token));
    const measured = await interleave(
      {
        ours: async () => {
          const verifier = await issuer.verifier('egress');
          const batch = await fresh();
          const cold = median(await timeEach(tokens, (index) => verifier.verify(batch[index] ?? '', 'dispatch')));
          warm.push(median(await timeEach(tokens, () => verifier.verify(batch.at(-1) ?? '', 'dispatch'))));
          return cold;
        },
        floor: async () => {
          const batch = await fresh();
          const parts = batch.map((token) => {
            const at = token.lastIndexOf('.');
            return { data: Buffer.from(token.slice(0, at)), signature: Buffer.from(token.slice(at + 1), 'base64url') };
          });
          return median(
            await timeEach(tokens, async (index) =>
              verify(
                'sha256',
                parts[index]?.data ?? Buffer.alloc(0),
                { key, dsaEncoding: 'ieee-p1363' },
                parts[index]?.signature ?? Buffer.alloc(0),
              ),
            ),
          );
        },
      },
      rounds,
    );
    return figure(
      { id: 'T2', what: 'cold verify p50 / raw node:crypto verify of the same bytes', bar: { atMost: 1.25 } },
      measured,
      { unit: 'ms', warm: median(warm) },
    );
  },
};
