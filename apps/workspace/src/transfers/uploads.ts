/**
 * Uploads under way: announced size and hash, chunks in order, one use. They live with the process; after a restart an upload is
 * unknown and its sender begins again.
 */

import { createHash, type Hash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { CONFIG } from '@sallyport/service/start';
import type { WorkspaceConfig } from '../config.ts';
import { tooLarge, tooManyTransfers, uploadDamaged, uploadIncomplete, uploadOffset, uploadUnknown } from '../faults.ts';

/** Bytes of one chunk at most. */
export const chunkBytes = 512 * 1024;

/** Milliseconds without a chunk after which an upload is forgotten. */
const idleMs = 10 * 60 * 1000;

/** Who may write and use an upload; anyone else does not learn that it exists. */
export interface UploadOwner {
  readonly org: string;
  /** Principal of a session, or dispatch. */
  readonly owner: string;
  /** Workspace a dispatch's pack is for; empty for an import. */
  readonly workspace: string;
}

interface Upload extends UploadOwner {
  readonly path: string;
  readonly file: FileHandle;
  readonly size: number;
  readonly sha256: string;
  readonly hash: Hash;
  received: number;
  touched: number;
  turn: Promise<unknown>;
}

@Injectable()
export class Uploads {
  readonly #root: string;
  readonly #maxBytes: number;
  readonly #maxCount: number;
  readonly #uploads = new Map<string, Upload>();

  constructor(
    @Inject(CONFIG) config: WorkspaceConfig,
    private readonly clock: Clock,
  ) {
    this.#root = join(config.SALLY_WORKSPACE_DIR, 'uploads');
    this.#maxBytes = config.SALLY_UPLOAD_BYTES;
    this.#maxCount = config.SALLY_TRANSFERS;
  }

  async onModuleInit(): Promise<void> {
    await rm(this.#root, { recursive: true, force: true });
    await mkdir(this.#root, { recursive: true, mode: 0o700 });
  }

  async onModuleDestroy(): Promise<void> {
    for (const id of this.#uploads.keys()) await this.#end(id);
  }

  async begin(owner: UploadOwner, size: number, sha256: string): Promise<string> {
    if (size <= 0 || size > this.#maxBytes) throw tooLarge('the upload', this.#maxBytes);
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw uploadDamaged();
    await this.#forgetIdle();
    const active = [...this.#uploads.values()].filter((upload) => upload.org === owner.org).length;
    if (active >= this.#maxCount) throw tooManyTransfers(this.#maxCount);
    const now = this.clock.now();
    const id = newId('upload', now);
    const path = join(this.#root, randomUUID());
    const file = await open(path, 'wx', 0o600);
    const hash = createHash('sha256');
    this.#uploads.set(id, {
      ...owner,
      path,
      file,
      size,
      sha256,
      hash,
      received: 0,
      touched: now,
      turn: Promise.resolve(),
    });
    return id;
  }

  /** Appends a chunk; one that was taken already is not an error. Returns the bytes received. */
  async write(
    id: string,
    owner: Pick<UploadOwner, 'org' | 'owner'>,
    offset: number,
    data: Uint8Array,
  ): Promise<number> {
    const upload = this.#uploads.get(id);
    if (upload === undefined || upload.org !== owner.org || upload.owner !== owner.owner) throw uploadUnknown();
    if (data.length > chunkBytes) throw tooLarge('a chunk', chunkBytes);
    const turn = upload.turn.catch(() => undefined).then(() => this.#append(upload, offset, data));
    upload.turn = turn;
    return await turn;
  }

  /**
   * Hands the finished file to `work` and ends the upload with it, whatever comes of it.
   *
   * @throws Fault `workspace.upload_unknown`, `upload_incomplete` (the upload stays) or `upload_damaged`.
   */
  async consume<T>(id: string, owner: UploadOwner, work: (path: string) => Promise<T>): Promise<T> {
    const upload = this.#uploads.get(id);
    const own =
      upload !== undefined &&
      upload.org === owner.org &&
      upload.owner === owner.owner &&
      upload.workspace === owner.workspace;
    if (!own) throw uploadUnknown();
    if (upload.received < upload.size) throw uploadIncomplete(upload.received);
    this.#uploads.delete(id);
    try {
      await upload.file.close();
      if (upload.hash.digest('hex') !== upload.sha256) throw uploadDamaged();
      return await work(upload.path);
    } finally {
      await rm(upload.path, { force: true });
    }
  }

  async #append(upload: Upload, offset: number, data: Uint8Array): Promise<number> {
    const end = offset + data.length;
    if (end > upload.size) throw tooLarge('the upload', upload.size);
    if (end <= upload.received) return upload.received;
    if (offset !== upload.received) throw uploadOffset(upload.received);
    await upload.file.write(data, 0, data.length, offset);
    upload.hash.update(data);
    upload.received = end;
    upload.touched = this.clock.now();
    return end;
  }

  async #forgetIdle(): Promise<void> {
    const limit = this.clock.now() - idleMs;
    for (const [id, upload] of this.#uploads) if (upload.touched < limit) await this.#end(id);
  }

  async #end(id: string): Promise<void> {
    const upload = this.#uploads.get(id);
    if (upload === undefined) return;
    this.#uploads.delete(id);
    await upload.file.close();
    await rm(upload.path, { force: true });
  }
}
