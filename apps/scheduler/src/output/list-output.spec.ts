import { describe, expect, test } from '@jest/globals';
import { fitting, upToGap } from './list-output.ts';

const row = (position: number, size = 1) => ({ position, body: new Uint8Array(size) });
const positions = (rows: readonly { position: number }[]) => rows.map((each) => each.position);

describe('a page of output', () => {
  test('stops before a batch that is still on its way', () => {
    expect(positions(upToGap([row(1), row(2), row(4)], 0))).toEqual([1, 2]);
    expect(positions(upToGap([row(3), row(4)], 1))).toEqual([]);
    expect(positions(upToGap([row(3), row(4)], 2))).toEqual([3, 4]);
  });

  test('holds as many events as asked for and as a message can carry, one at least', () => {
    expect(positions(fitting([row(1), row(2), row(3)], 2))).toEqual([1, 2]);
    expect(positions(fitting([row(1, 700_000), row(2, 700_000)], 10))).toEqual([1]);
    expect(positions(fitting([row(1, 900_000), row(2)], 10))).toEqual([1]);
  });
});
