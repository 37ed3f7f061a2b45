/** Plaintext git-dirs of the workspaces in use, made from their packs; a cache, so it is emptied at start and may vanish at any time. */

import { randomUUID } from 'node:crypto';
import { access, chmod, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG } from '@sallyport/service/start';
import { cleanGit } from '@sallyport/store/clean-git';
import type { WorkspaceConfig } from '../config.ts';
import { objectDamaged } from '../faults.ts';
import { makeGitDir } from '../git/git-dir.ts';
import { Quarantine } from '../git/quarantine.ts';
import { type KeyHolder, PackVault, type StoredPack } from './pack-vault.ts';

@Injectable()
export class GitCache {
  readonly #root: string;
  readonly #limits;
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(
    private readonly vault: PackVault,
    @Inject(CONFIG) config: WorkspaceConfig,
  ) {
    this.#root = config.SALLY_WORKSPACE_DIR;
    this.#limits = { objects: config.SALLY_UPLOAD_OBJECTS, objectBytes: config.SALLY_OBJECT_BYTES };
  }

  /** Empties the working directory; plaintext of an earlier life is not carried on. */
  async onModuleInit(): Promise<void> {
    for (const folder of ['git', 'quarantine']) await rm(join(this.#root, folder), { recursive: true, force: true });
    await mkdir(this.#root, { recursive: true, mode: 0o700 });
    await chmod(this.#root, 0o700);
  }

  /** A git-dir that holds every pack named. Filling goes one after the other per workspace; using it does not. */
  ready(holder: KeyHolder, packs: readonly StoredPack[]): Promise<string> {
    const gitDir = this.#gitDir(holder);
    return this.#inTurn(gitDir, async () => {
      if (!(await exists(join(gitDir, 'HEAD')))) await makeGitDir(gitDir);
      for (const pack of packs) await this.#fill(gitDir, holder, pack);
      return gitDir;
    });
  }

  /** Checks objects from outside, against those of a workspace when one is given. */
  quarantine<T>(lender: string | undefined, work: (quarantine: Quarantine) => Promise<T>): Promise<T> {
    return Quarantine.within(join(this.#root, 'quarantine'), this.#limits, lender, work);
  }

  /** Takes a pack that was just checked and stored, so that it need not be opened again. */
  async adopt(gitDir: string, id: string, pack: string, index: string): Promise<void> {
    const base = join(gitDir, 'objects', 'pack', `pack-${id}`);
    await rename(pack, `${base}.pack`);
    await rename(index, `${base}.idx`);
  }

  #gitDir(holder: KeyHolder): string {
    return join(this.#root, 'git', holder.org, `${holder.name}.git`);
  }

  async #fill(gitDir: string, holder: KeyHolder, pack: StoredPack): Promise<void> {
    const base = join(gitDir, 'objects', 'pack', `pack-${pack.id}`);
    if (await exists(`${base}.idx`)) return;
    const draft = join(gitDir, `${randomUUID()}.pack`);
    try {
      const file = await open(draft, 'wx', 0o600);
      try {
        for await (const chunk of this.vault.stream(holder, pack)) await file.writeFile(chunk);
      } finally {
        await file.close();
      }
      const indexed = await cleanGit({ gitDir, args: ['index-pack', '-o', `${draft}.idx`, draft], timeoutMs: 600_000 });
      if (indexed.code !== 0 || !indexed.stdout.toString('latin1').includes(pack.id))
        throw objectDamaged(holder.name, indexed.stderr);
      await this.adopt(gitDir, pack.id, draft, `${draft}.idx`);
    } finally {
      for (const suffix of ['', '.idx', '.rev']) await rm(`${draft}${suffix}`, { force: true });
    }
  }

  #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(key) ?? Promise.resolve()).catch(() => undefined).then(work);
    this.#turns.set(key, turn);
    const forget = (): void => {
      if (this.#turns.get(key) === turn) this.#turns.delete(key);
    };
    void turn.then(forget, forget);
    return turn;
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
