import { describe, expect, test } from '@jest/globals';
import { leafHash, rootOf } from './merkle.ts';
import { decodeBundle, encodeBundle, maxEntryBytes, TileStack, tilePath, tilePlaces } from './tile.ts';

describe('tilePath', () => {
  test.each([
    [{ level: 0, index: 0, width: 256 }, 'tile/0/000'],
    [{ level: 0, index: 5, width: 3 }, 'tile/0/005.p/3'],
    [{ level: 1, index: 1_234_067, width: 256 }, 'tile/1/x001/x234/067'],
    [{ level: 'entries', index: 1000, width: 112 }, 'tile/entries/x001/000.p/112'],
  ] as const)('spells %j as the specification does', (place, path) => {
    expect(tilePath(place)).toBe(path);
  });
});

describe('TileStack', () => {
  test.each([0, 1, 255, 256, 257, 512, 66_000])('makes exactly the hash tiles of a log of %i entries', (size) => {
    const stack = new TileStack();
    const leaves = Array.from({ length: size }, (_, at) => leafHash(Buffer.from(String(at))));
    const tiles = [...leaves.flatMap((leaf) => stack.push(leaf)), ...stack.partial()];
    const wanted = [...tilePlaces(size)].filter((place) => place.level !== 'entries').map(tilePath);
    expect(tiles.map((tile) => tilePath(tile.place)).toSorted()).toEqual(wanted.toSorted());
  });

  test('puts the root of each full tile into the level above', () => {
    const stack = new TileStack();
    const leaves = Array.from({ length: 256 }, (_, at) => leafHash(Buffer.from(String(at))));
    for (const leaf of leaves) stack.push(leaf);
    expect(stack.partial()).toEqual([{ place: { level: 1, index: 0, width: 1 }, bytes: rootOf(leaves) }]);
  });
});

describe('entry bundles', () => {
  const entries = [Buffer.from('a'), Buffer.alloc(0), Buffer.alloc(300, 7)];

  test('come back as they went in', () => {
    expect(decodeBundle(encodeBundle(entries), 3)).toEqual(entries);
  });

  test.each([
    ['fewer entries than asked for', 4, 0, 0],
    ['more entries than asked for', 2, 0, 0],
    ['a cut end', 3, 0, -1],
    ['trailing bytes', 3, 1, 0],
  ])('with %s are refused', (_, width, extra, cut) => {
    const bytes = Buffer.concat([encodeBundle(entries), Buffer.alloc(extra)]);
    expect(decodeBundle(bytes.subarray(0, bytes.length + cut), width)).toBeUndefined();
  });

  test('do not take an entry over their length prefix', () => {
    expect(() => encodeBundle([Buffer.alloc(maxEntryBytes + 1)])).toThrow();
  });
});
