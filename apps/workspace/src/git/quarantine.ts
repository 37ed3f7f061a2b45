/**
 * Where objects from outside are checked before any of them counts: a git-dir of their own that borrows the workspace's objects and
 * lends it none.
 */

import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cleanGit, type GitOutcome, type GitRun } from '@sallyport/store/clean-git';
import { disguises } from '@sallyport/store/git-name';
import { objectsRefused, tooLarge } from '../faults.ts';
import { isStorablePath } from './entry-name.ts';
import { checkExpanse } from './expanse.ts';
import { makeGitDir } from './git-dir.ts';
import { countObjects } from './pack-file.ts';

export interface QuarantineLimits {
  readonly objects: number;
  /** Bytes of one object, inflated. */
  readonly objectBytes: number;
}

/** Kilobytes of address space for git while it reads what nobody has checked: a delta that inflates to more fails. */
const memoryKb = 4 * 1024 * 1024;

export class Quarantine {
  readonly #gitDir: string;
  readonly #alternates: string;
  readonly #limits: QuarantineLimits;

  private constructor(gitDir: string, alternates: string, limits: QuarantineLimits) {
    this.#gitDir = gitDir;
    this.#alternates = alternates;
    this.#limits = limits;
  }

  /** Works in a quarantine that is gone afterwards, whatever happens; `lender` is the git-dir whose objects may be referred to. */
  static async within<T>(
    root: string,
    limits: QuarantineLimits,
    lender: string | undefined,
    work: (quarantine: Quarantine) => Promise<T>,
  ): Promise<T> {
    const gitDir = join(root, randomUUID());
    await mkdir(root, { recursive: true, mode: 0o700 });
    try {
      await makeGitDir(gitDir);
      return await work(new Quarantine(gitDir, lender === undefined ? '' : join(lender, 'objects'), limits));
    } finally {
      await rm(gitDir, { recursive: true, force: true });
    }
  }

  /** Where a pack to check is to be written. */
  get incoming(): string {
    return join(this.#gitDir, 'objects', 'pack', 'pack-incoming.pack');
  }

  get incomingIndex(): string {
    return join(this.#gitDir, 'objects', 'pack', 'pack-incoming.idx');
  }

  /** Runs git over the quarantined objects and the lender's. */
  git(args: readonly string[], more: Partial<GitRun> = {}): Promise<GitOutcome> {
    const env = { ...more.env, ...this.#env() };
    return cleanGit({ ...more, gitDir: this.#gitDir, args, env });
  }

  /**
   * Indexes the incoming pack as strictly as git can: every object well-formed, no name that is `.git` to any file system, no
   * `.gitmodules` that could run or climb, and everything referred to is there.
   *
   * @returns the pack's id.
   * @throws Fault `workspace.objects_refused`, or `workspace.too_large` for too many.
   */
  async admit(): Promise<string> {
    const objects = await countObjects(this.incoming);
    if (objects > this.#limits.objects) throw tooLarge('objects', this.#limits.objects);
    const args = ['index-pack', '--strict=zeroPaddedFilemode=ignore', '-o', this.incomingIndex, this.incoming];
    const indexed = await this.git(args, { memoryKb, timeoutMs: 600_000 });
    const id = /[0-9a-f]{40}/.exec(indexed.stdout.toString('latin1'))?.[0];
    if (indexed.code !== 0 || id === undefined) throw objectsRefused('fsck', indexed.stderr);
    return id;
  }

  /** Inflated sizes of what came; nothing needs it before the objects are used. @throws Fault `workspace.too_large`. */
  async checkSizes(): Promise<void> {
    // Without the lender's objects: those were checked when they came.
    const listed = await cleanGit({
      gitDir: this.#gitDir,
      args: ['cat-file', '--batch-all-objects', '--unordered', '--batch-check=%(objectsize)'],
    });
    if (listed.code !== 0) throw objectsRefused('size', listed.stderr);
    for (const line of listed.stdout.toString('latin1').split('\n')) {
      if (Number(line) > this.#limits.objectBytes) throw tooLarge('an object', this.#limits.objectBytes);
    }
  }

  /** Checks every path of a history by our own rules, beside git's. */
  async checkPaths(commit: string): Promise<void> {
    const paths = await this.git(['rev-list', '--objects', commit]);
    if (paths.code !== 0 || paths.truncated) throw objectsRefused('links', paths.stderr);
    const modules: string[] = [];
    for (const line of paths.stdout.toString('utf8').split('\n')) {
      const path = line.slice(41);
      if (path !== '' && !isStorablePath(path)) throw objectsRefused('names');
      if (disguises(path.slice(path.lastIndexOf('/') + 1)).includes('.gitmodules')) modules.push(line.slice(0, 40));
    }
    for (const oid of modules) await this.#checkModules(oid);
  }

  /** Checks what a commit or tree unfolds to. @throws Fault `workspace.too_large`. */
  checkExpanse(of: string): Promise<void> {
    return checkExpanse({ gitDir: this.#gitDir, of, env: this.#env() });
  }

  #env(): Readonly<Record<string, string>> {
    return this.#alternates === '' ? {} : { GIT_ALTERNATE_OBJECT_DIRECTORIES: this.#alternates };
  }

  /** A carriage return in a submodule path makes git write to another path than it checked. */
  async #checkModules(oid: string): Promise<void> {
    const { stdout } = await this.git(['cat-file', 'blob', oid], { outputBytes: 1024 * 1024 });
    if (/\r(?!\n|$)|(?![\t\n\r])\p{Cc}/u.test(stdout.toString('utf8'))) throw objectsRefused('gitmodules');
  }

  /**
   * Packs a history and nothing else: what was sent along unreachable is left behind.
   *
   * @returns the new pack's id and file.
   */
  async repack(commit: string): Promise<{ id: string; path: string }> {
    const out = join(this.#gitDir, 'objects', 'reachable');
    const packed = await this.git(['pack-objects', '--revs', '--delta-base-offset', '-q', out], {
      input: `${commit}\n`,
      timeoutMs: 600_000,
    });
    const id = /[0-9a-f]{40}/.exec(packed.stdout.toString('latin1'))?.[0];
    if (packed.code !== 0 || id === undefined) throw objectsRefused('links', packed.stderr);
    return { id, path: `${out}-${id}.pack` };
  }
}
