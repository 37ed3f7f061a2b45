import { describe, expect, test } from '@jest/globals';
import { Chunks } from './chunks.ts';

async function* stream(...sizes: number[]): AsyncGenerator<Buffer> {
  for (const size of sizes) yield await Promise.resolve(Buffer.alloc(size, size));
}

async function lengths(chunks: Chunks): Promise<number[]> {
  const found: number[] = [];
  for (;;) {
    const { data, end } = await chunks.next();
    found.push(data.length);
    if (end) return found;
  }
}

describe('Chunks', () => {
  test.each<[number[], number[]]>([
    [[], [0]],
    [[3], [3]],
    [[10], [10]],
    [[11], [10, 1]],
    [[25], [10, 10, 5]],
    [
      [4, 4, 4, 8],
      [10, 10],
    ],
  ])('cuts %j into %j', async (sizes, wanted) => {
    expect(await lengths(new Chunks(stream(...sizes), 10))).toEqual(wanted);
  });

  test('answers overlapping calls one after the other', async () => {
    const chunks = new Chunks(stream(10, 10, 10), 10);
    const answers = await Promise.all([chunks.next(), chunks.next(), chunks.next()]);
    expect(answers.map(({ data, end }) => [data.length, end])).toEqual([
      [10, false],
      [10, false],
      [10, true],
    ]);
  });
});
