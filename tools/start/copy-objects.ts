/** Every object of one bucket into another: copied, read back, compared; what is there already is compared and left as it is. */

import { createHash } from 'node:crypto';
import { Fault } from '@sallyport/core/fault';
import { type ObjectStore, objectMissing } from '@sallyport/store/object-store';

export interface Copied {
  /** Written by this copy, and read back equal. */
  readonly copied: number;
  /** There before, and equal. */
  readonly present: number;
  /** There before with another content; left as they are. */
  readonly differing: readonly string[];
}

const pieceBytes = 8 * 1024 * 1024;
const atOnce = 4;

/**
 * Copies until the end even where objects differ. Breaking it off at any point harms nothing: run again, it goes on.
 *
 * @throws Fault of either bucket, or `objects.damaged_on_the_way` when what was read back is not what was sent.
 */
export async function copyObjects(
  from: ObjectStore,
  to: ObjectStore,
  onObject: (key: string) => void = () => undefined,
): Promise<Copied> {
  const counts = { copied: 0, present: 0 };
  const differing: string[] = [];
  const keys = from.list('')[Symbol.asyncIterator]();
  const work = async (): Promise<void> => {
    for (let next = await keys.next(); next.done !== true; next = await keys.next()) {
      const outcome = await copyObject(from, to, next.value);
      if (outcome === 'differing') differing.push(next.value);
      else counts[outcome] += 1;
      onObject(next.value);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return { ...counts, differing: differing.sort() };
}

async function copyObject(
  from: ObjectStore,
  to: ObjectStore,
  key: string,
): Promise<'copied' | 'present' | 'differing'> {
  if ((await to.head(key)) === undefined) {
    const taken = await to.put(key, pieces(from, key), { ifAbsent: true }).then(
      () => true,
      (error: unknown) => {
        if (error instanceof Fault && error.reason === 'store.object_changed') return false;
        throw error;
      },
    );
    if (taken) {
      if (await same(from, to, key)) return 'copied';
      // Written by this very call, so taking it back loses nothing of anybody.
      await to.delete(key);
      throw damagedOnTheWay(key);
    }
  }
  return (await same(from, to, key)) ? 'present' : 'differing';
}

async function same(one: ObjectStore, other: ObjectStore, key: string): Promise<boolean> {
  const [left, right] = await Promise.all([one.head(key), other.head(key)]);
  if (left === undefined || right === undefined) throw objectMissing(key);
  if (left.size !== right.size) return false;
  const [a, b] = await Promise.all([digest(one, key), digest(other, key)]);
  return a.equals(b);
}

async function digest(store: ObjectStore, key: string): Promise<Buffer> {
  const hash = createHash('sha256');
  for await (const piece of pieces(store, key)) hash.update(piece);
  return hash.digest();
}

async function* pieces(store: ObjectStore, key: string): AsyncGenerator<Uint8Array> {
  const head = await store.head(key);
  if (head === undefined) throw objectMissing(key);
  for (let offset = 0; offset < head.size; offset += pieceBytes) {
    yield await store.get(key, { offset, length: Math.min(pieceBytes, head.size - offset) });
  }
}

const damagedOnTheWay = (key: string): Fault =>
  new Fault(
    'internal',
    'objects.damaged_on_the_way',
    `object ${key} read back is not what was sent; it was taken back, see the line and both buckets and run the copy again`,
    { key },
  );
