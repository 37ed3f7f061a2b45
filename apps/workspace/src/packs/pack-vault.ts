/** Packs of workspaces as sealed objects in the bucket. */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Inject, Injectable } from '@nestjs/common';
import { Fault } from '@sallyport/core/fault';
import { SealedObject, seal } from '@sallyport/store/cipher';
import { RootKey } from '@sallyport/store/data-key';
import type { ObjectStore } from '@sallyport/store/object-store';
import { objectDamaged } from '../faults.ts';

/** Injection token of the bucket. */
export const BUCKET = Symbol('sallyport.bucket');

/** What names a workspace's key. */
export interface KeyHolder {
  readonly org: string;
  readonly name: string;
  readonly wrappedKey: Buffer;
}

export interface StoredPack {
  /** SHA-1 trailer, 40 hex. */
  readonly id: string;
  readonly size: number;
  /** Key in the bucket. */
  readonly object: string;
}

@Injectable()
export class PackVault {
  constructor(
    @Inject(BUCKET) private readonly bucket: ObjectStore,
    private readonly rootKey: RootKey,
  ) {}

  /** A wrapped data key for a new workspace. */
  createKey(org: string, name: string): Buffer {
    return this.rootKey.createDataKey([org, name]);
  }

  /** Seals a pack file into the bucket under a name nobody else writes; durable when it resolves. */
  async put(holder: KeyHolder, id: string, path: string): Promise<StoredPack> {
    const { size } = await stat(path);
    const object = `org/${holder.org}/ws/${holder.name}/packs/${id}-${crypto.randomUUID()}.pack`;
    const key = this.rootKey.unwrap(holder.wrappedKey, [holder.org, holder.name]);
    await this.bucket.put(object, seal(key, contextOf(holder, id), createReadStream(path)), { ifAbsent: true });
    return { id, size, object };
  }

  /** Takes back a pack whose row was not committed; what stays behind on a failure is garbage, never wrong. */
  async discard(pack: StoredPack): Promise<void> {
    await this.bucket.delete(pack.object).catch(() => undefined);
  }

  /** @throws Fault `workspace.object_damaged`. */
  async read(holder: KeyHolder, pack: StoredPack, offset: number, length: number): Promise<Buffer> {
    return await this.#guarded(holder, async () => (await this.#open(holder, pack)).read(offset, length));
  }

  /** Every byte of a pack, each frame checked before it is handed on. */
  async *stream(holder: KeyHolder, pack: StoredPack): AsyncGenerator<Buffer> {
    const sealed = await this.#guarded(holder, () => this.#open(holder, pack));
    try {
      yield* sealed.stream();
    } catch (error) {
      throw damage(holder, error);
    }
  }

  async #open(holder: KeyHolder, pack: StoredPack): Promise<SealedObject> {
    const key = this.rootKey.unwrap(holder.wrappedKey, [holder.org, holder.name]);
    const sealed = await SealedObject.open(this.bucket, pack.object, key, contextOf(holder, pack.id));
    if (sealed.size !== pack.size) throw objectDamaged(holder.name);
    return sealed;
  }

  async #guarded<T>(holder: KeyHolder, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw damage(holder, error);
    }
  }
}

const contextOf = (holder: KeyHolder, pack: string): readonly string[] => [holder.org, holder.name, pack];

const damaging: ReadonlySet<string> = new Set(['store.object_missing', 'store.object_damaged', 'store.data_key']);

const damage = (holder: KeyHolder, error: unknown): unknown =>
  error instanceof Fault && damaging.has(error.reason) ? objectDamaged(holder.name, error) : error;
