import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { frameBytes, SealedObject, seal, sealedSize } from './cipher.ts';
import { DirectoryStore } from './directory-store.ts';

const key = randomBytes(32);
const context = ['acme', 'demo', 'pack'];
const sealedFrame = frameBytes + 16;
const header = 40;

let directory: string;
let store: DirectoryStore;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sally-cipher-'));
  store = await DirectoryStore.open(directory);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function* pieces(plain: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < plain.length; at += size) yield plain.subarray(at, at + size);
  await Promise.resolve();
}

async function sealed(plain: Buffer, piece = 65_537): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of seal(key, context, pieces(plain, piece))) parts.push(part);
  return Buffer.concat(parts);
}

async function readAll(bytes: Buffer, under = key, as: readonly string[] = context): Promise<Buffer> {
  await store.put('object', bytes);
  const opened = await SealedObject.open(store, 'object', under, as);
  const parts: Buffer[] = [];
  for await (const part of opened.stream()) parts.push(part);
  return Buffer.concat(parts);
}

describe('a sealed object', () => {
  const sizes = [0, 1, frameBytes - 1, frameBytes, frameBytes + 1, 3 * frameBytes, 3 * frameBytes + 7];
  test.each(sizes)('gives back %d bytes, whole and by range', async (size) => {
    const plain = randomBytes(size);
    const bytes = await sealed(plain);
    expect(bytes.length).toBe(sealedSize(size));
    expect((await readAll(bytes)).equals(plain)).toBe(true);
    const opened = await SealedObject.open(store, 'object', key, context);
    expect(opened.size).toBe(size);
    for (const [offset, length] of [
      [0, 10],
      [frameBytes - 5, 10],
      [frameBytes, frameBytes],
      [size - 3, 99],
      [size, 5],
    ] as const) {
      const from = Math.max(0, offset);
      expect((await opened.read(from, length)).equals(plain.subarray(from, from + length))).toBe(true);
    }
  });

  test('is different every time', async () => {
    const plain = Buffer.from('same');
    expect((await sealed(plain)).equals(await sealed(plain))).toBe(false);
  });

  const damaged = { code: 'internal', reason: 'store.object_damaged' };
  const cut = (bytes: Buffer, from: number, to: number): Buffer =>
    Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  const frame = (bytes: Buffer, number: number): Buffer =>
    bytes.subarray(header + number * sealedFrame, header + (number + 1) * sealedFrame);
  const attacks: readonly [string, (bytes: Buffer) => Buffer][] = [
    ['a flipped bit', (bytes) => Buffer.from(bytes.map((byte, at) => (at === header + 5 ? byte ^ 1 : byte)))],
    ['a flipped tag', (bytes) => Buffer.from(bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte)))],
    ['another salt', (bytes) => Buffer.from(bytes.map((byte, at) => (at === 10 ? byte ^ 1 : byte)))],
    ['another magic', (bytes) => Buffer.from(bytes.map((byte, at) => (at === 0 ? byte ^ 1 : byte)))],
    ['the last frame cut off', (bytes) => bytes.subarray(0, header + 2 * sealedFrame)],
    ['a byte cut off', (bytes) => bytes.subarray(0, -1)],
    ['everything but the header cut off', (bytes) => bytes.subarray(0, header)],
    ['the first frame taken out', (bytes) => cut(bytes, header, header + sealedFrame)],
    [
      'two frames swapped',
      (bytes) => Buffer.concat([bytes.subarray(0, header), frame(bytes, 1), frame(bytes, 0), frame(bytes, 2)]),
    ],
    [
      'a frame repeated',
      (bytes) => Buffer.concat([bytes.subarray(0, header), frame(bytes, 0), frame(bytes, 0), frame(bytes, 2)]),
    ],
    ['bytes added', (bytes) => Buffer.concat([bytes, Buffer.from('x')])],
    ['a frame added', (bytes) => Buffer.concat([bytes, frame(bytes, 0)])],
    ['nothing left', () => Buffer.alloc(0)],
  ];
  test.each(attacks)('with %s is refused', async (_what, attack) => {
    const bytes = await sealed(Buffer.concat([randomBytes(2 * frameBytes), Buffer.from('tail')]));
    await expect(readAll(attack(bytes))).rejects.toMatchObject(damaged);
  });

  test('does not pass for another object or under another key', async () => {
    const bytes = await sealed(Buffer.from('secret'));
    await expect(readAll(bytes, key, ['acme', 'demo', 'other'])).rejects.toMatchObject(damaged);
    await expect(readAll(bytes, key, ['acme', 'demop', 'ack'])).rejects.toMatchObject(damaged);
    await expect(readAll(bytes, randomBytes(32))).rejects.toMatchObject(damaged);
  });
});
