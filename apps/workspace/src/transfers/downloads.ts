/**
 * Downloads under way: output of one git process each, read at the reader's pace. The pipe holds the process back, so nothing is
 * kept but the chunk at hand. They live with the process; after a restart a download is unknown.
 */

import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { CONFIG } from '@sallyport/service/start';
import { startGit } from '@sallyport/store/clean-git';
import type { WorkspaceConfig } from '../config.ts';
import { downloadFailed, downloadUnknown, tooManyTransfers } from '../faults.ts';
import { chunkBytes } from './uploads.ts';

/** Milliseconds git may take for one download, and a reader between two chunks. */
const wholeMs = 15 * 60 * 1000;
const idleMs = 60 * 1000;

export interface DownloadInit {
  readonly org: string;
  /** Principal of the session; nobody else can read on. */
  readonly owner: string;
  readonly gitDir: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: Uint8Array;
  /** Bytes before git's own. */
  readonly prefix?: Buffer;
  /** Whether a non-zero code of git is part of the answer: upload-pack tells the client itself. */
  readonly toleratesFailure: boolean;
}

interface Download {
  readonly init: DownloadInit;
  readonly child: ChildProcessWithoutNullStreams;
  readonly chunks: AsyncIterator<Buffer>;
  readonly code: Promise<number>;
  idle: NodeJS.Timeout;
  rest: Buffer;
  stderr: string;
}

export interface DownloadChunk {
  readonly data: Buffer;
  readonly end: boolean;
}

@Injectable()
export class Downloads {
  readonly #maxCount: number;
  readonly #downloads = new Map<string, Download>();

  constructor(
    @Inject(CONFIG) config: WorkspaceConfig,
    private readonly clock: Clock,
  ) {
    this.#maxCount = config.SALLY_TRANSFERS;
  }

  onModuleDestroy(): void {
    for (const id of this.#downloads.keys()) this.#end(id);
  }

  open(init: DownloadInit): string {
    const active = [...this.#downloads.values()].filter((it) => it.init.org === init.org).length;
    if (active >= this.#maxCount) throw tooManyTransfers(this.#maxCount);
    const { gitDir, args, env = {} } = init;
    const child = startGit({ gitDir, args, env, timeoutMs: wholeMs });
    const code = new Promise<number>((resolve) => {
      child.on('error', () => resolve(-1));
      child.on('close', (value) => resolve(value ?? -1));
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(init.input ?? '');
    const id = newId('download', this.clock.now());
    // A process's own stream is drained when it exits with nobody reading; a pipe reads from the start and still holds it back.
    const chunks = child.stdout.pipe(new PassThrough())[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const rest = init.prefix ?? Buffer.alloc(0);
    const download: Download = { init, child, chunks, code, idle: this.#timer(id), rest, stderr: '' };
    child.stderr.on('data', (chunk: Buffer) => {
      if (download.stderr.length < 4096) download.stderr += chunk.toString('utf8');
    });
    this.#downloads.set(id, download);
    return id;
  }

  /** @throws Fault `workspace.download_unknown` or `workspace.download_failed`. */
  async read(id: string, reader: { org: string; owner: string }): Promise<DownloadChunk> {
    const download = this.#downloads.get(id);
    if (download?.init.org !== reader.org || download.init.owner !== reader.owner) throw downloadUnknown();
    clearTimeout(download.idle);
    download.idle = this.#timer(id);
    const parts = [download.rest];
    let size = download.rest.length;
    let done = false;
    while (size < chunkBytes && !done) {
      const next = await download.chunks.next();
      done = next.done === true;
      if (next.done !== true) {
        parts.push(next.value);
        size += next.value.length;
      }
    }
    const bytes = Buffer.concat(parts);
    download.rest = bytes.subarray(chunkBytes);
    const end = done && download.rest.length === 0;
    if (end) await this.#close(id, download);
    return { data: bytes.subarray(0, chunkBytes), end };
  }

  async #close(id: string, download: Download): Promise<void> {
    const code = await download.code;
    this.#end(id);
    if (code !== 0 && !download.init.toleratesFailure) throw downloadFailed(download.stderr);
  }

  #timer(id: string): NodeJS.Timeout {
    return setTimeout(() => this.#end(id), idleMs).unref();
  }

  #end(id: string): void {
    const download = this.#downloads.get(id);
    if (download === undefined) return;
    this.#downloads.delete(id);
    clearTimeout(download.idle);
    download.child.kill('SIGKILL');
    download.child.stdout.destroy();
  }
}
