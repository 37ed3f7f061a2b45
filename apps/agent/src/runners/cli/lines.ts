/** A byte stream as lines of bounded length. */

/** Bytes of one line; what is longer is passed over to its end. */
export const maxLine = 8 * 1024 * 1024;

export type CutLine = { readonly text: string } | { readonly tooLong: number };

/**
 * Lines without their end, the last one also when nothing ends it. Bytes that are no UTF-8 become U+FFFD; a line beyond `max` is
 * given as its length alone, so that no program can fill the memory.
 */
export async function* linesOf(source: AsyncIterable<Uint8Array>, max = maxLine): AsyncGenerator<CutLine> {
  let pieces: Uint8Array[] = [];
  let length = 0;
  const take = (piece: Uint8Array): void => {
    length += piece.length;
    if (length <= max) pieces.push(piece);
    else pieces = [];
  };
  const line = (): CutLine => {
    const whole: CutLine = length > max ? { tooLong: length } : { text: decoded(Buffer.concat(pieces)) };
    pieces = [];
    length = 0;
    return whole;
  };
  for await (const chunk of source) {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      take(chunk.subarray(from, at));
      from = at + 1;
      yield line();
    }
    if (from < chunk.length) take(chunk.subarray(from));
  }
  if (length > 0) yield line();
}

const decoded = (bytes: Buffer): string => {
  const text = bytes.toString('utf8');
  return text.endsWith('\r') ? text.slice(0, -1) : text;
};
