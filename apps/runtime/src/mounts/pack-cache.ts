/** The edge's bare git-dirs, one per org and workspace, fed pack by pack; a pack that was seen is never fetched again. */

import { randomUUID } from 'node:crypto';
import { access, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BusClient, CallOptions } from '@sallyport/bus/handlers';
import type { PackRef, WorkspaceService } from '@sallyport/contracts/workspace/v1/workspace';
import { cleanGit, inertAttributes } from '@sallyport/store/clean-git';
import { mountCheckout } from './mount-faults.ts';

type Client = Pick<BusClient<typeof WorkspaceService>, 'readPack'>;

/** Chunks of one pack asked for at the same time. */
const window = 4;
const chunkBytes = 512 * 1024;
/** Milliseconds git may take to index the largest pack. */
const indexMs = 300_000;

export class PackCache {
  readonly #root: string;
  readonly #client: Client;
  readonly #busy = new Map<string, Promise<unknown>>();

  constructor(root: string, client: Client) {
    this.#root = root;
    this.#client = client;
  }

  /** A git-dir that holds every pack named; work on the same workspace goes one after the other. */
  fill(org: string, workspace: string, packs: readonly PackRef[], call: CallOptions): Promise<string> {
    const gitDir = join(this.#root, org, `${workspace}.git`);
    const before = this.#busy.get(gitDir) ?? Promise.resolve();
    const work = before
      .catch(() => undefined)
      .then(async () => {
        await ensureGitDir(gitDir);
        for (const pack of packs) await this.#ensurePack(gitDir, workspace, pack, call);
        return gitDir;
      });
    this.#busy.set(gitDir, work);
    const forget = (): void => {
      if (this.#busy.get(gitDir) === work) this.#busy.delete(gitDir);
    };
    void work.then(forget, forget);
    return work;
  }

  async #ensurePack(gitDir: string, workspace: string, pack: PackRef, call: CallOptions): Promise<void> {
    const base = join(gitDir, 'objects', 'pack', `pack-${pack.id}`);
    if (await exists(`${base}.idx`)) return;
    const incoming = join(gitDir, 'incoming', `${randomUUID()}.pack`);
    try {
      await this.#fetch(incoming, workspace, pack, call);
      const indexed = await cleanGit({
        gitDir,
        args: ['index-pack', '-o', `${incoming}.idx`, incoming],
        timeoutMs: indexMs,
      });
      // index-pack prints the trailer it computed itself, so a pack under another name is found here.
      if (indexed.code !== 0 || !indexed.stdout.toString('latin1').includes(pack.id))
        throw mountCheckout('index a pack', indexed.stderr);
      await rename(incoming, `${base}.pack`);
      await rename(`${incoming}.idx`, `${base}.idx`);
    } finally {
      for (const suffix of ['', '.idx', '.rev']) await rm(`${incoming}${suffix}`, { force: true });
    }
  }

  async #fetch(path: string, workspace: string, pack: PackRef, call: CallOptions): Promise<void> {
    const size = Number(pack.size);
    const file = await open(path, 'wx', 0o600);
    try {
      const offsets = Array.from({ length: Math.ceil(size / chunkBytes) }, (_, at) => at * chunkBytes);
      const worker = async (): Promise<void> => {
        for (let offset = offsets.shift(); offset !== undefined; offset = offsets.shift()) {
          const { data } = await this.#client.readPack({ workspace, pack: pack.id, offset: BigInt(offset) }, call);
          if (data.length !== Math.min(chunkBytes, size - offset))
            throw mountCheckout('fetch a pack', `short chunk at ${offset}`);
          await file.write(data, 0, data.length, offset);
        }
      };
      await Promise.all(Array.from({ length: window }, worker));
    } finally {
      await file.close();
    }
  }
}

/** A bare git-dir written by hand, so that no template of the machine comes along. */
async function ensureGitDir(gitDir: string): Promise<void> {
  if (await exists(join(gitDir, 'HEAD'))) return;
  for (const folder of ['objects/pack', 'objects/info', 'refs/heads', 'info', 'incoming']) {
    await mkdir(join(gitDir, folder), { recursive: true, mode: 0o700 });
  }
  await writeFile(join(gitDir, 'config'), '[core]\n\trepositoryformatversion = 0\n\tbare = true\n', { mode: 0o600 });
  await writeFile(join(gitDir, 'info', 'attributes'), inertAttributes, { mode: 0o600 });
  await writeFile(join(gitDir, 'HEAD'), 'ref: refs/heads/main\n', { mode: 0o600 });
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
