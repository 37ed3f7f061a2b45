import { Readable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { type CutLine, linesOf } from './lines.ts';

async function read(chunks: readonly (string | Uint8Array)[], max?: number): Promise<CutLine[]> {
  const source = Readable.from(
    chunks.map((chunk) => Buffer.from(chunk)),
    { objectMode: true },
  );
  const lines: CutLine[] = [];
  for await (const line of linesOf(source, max)) lines.push(line);
  return lines;
}

describe('linesOf', () => {
  test('puts a line together from the pieces it came in, also inside a character', async () => {
    const bytes = Buffer.from('{"a":"ö"}\nb\r\n');
    const pieces = [...bytes].map((byte) => Uint8Array.of(byte));
    expect(await read(pieces)).toEqual([{ text: '{"a":"ö"}' }, { text: 'b' }]);
  });

  test('gives the last line when nothing ends it', async () => {
    expect(await read(['a\n\nb'])).toEqual([{ text: 'a' }, { text: '' }, { text: 'b' }]);
  });

  test('counts a line beyond the bound and goes on with the next', async () => {
    expect(await read(['1234', '56789\nok\n'], 5)).toEqual([{ tooLong: 9 }, { text: 'ok' }]);
  });

  test('takes a line as long as the bound', async () => {
    expect(await read(['12345\n'], 5)).toEqual([{ text: '12345' }]);
  });

  test('shows bytes that are no UTF-8 as replacement characters', async () => {
    expect(await read([Uint8Array.of(0x61, 0xff, 0x62, 0x0a)])).toEqual([{ text: 'a\uFFFDb' }]);
  });
});
