/** A body as the bytes it stands for: what is compressed cannot be looked through. */

import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';

const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/** The coding is one that cannot be undone here. */
export class UnknownCoding extends Error {
  override readonly name = 'UnknownCoding';
}

/** The decoders of a `content-encoding`, in the order in which they apply. @throws UnknownCoding */
export function decodersOf(encoding: string | string[] | undefined): Transform[] {
  const words = [encoding ?? []]
    .flat()
    .join(',')
    .split(',')
    .map((word) => word.trim().toLowerCase())
    .filter((word) => word !== '' && word !== 'identity');
  return words.reverse().map((word) => {
    const make = Object.hasOwn(decoders, word) ? decoders[word] : undefined;
    if (make === undefined) throw new UnknownCoding(word);
    return make();
  });
}
