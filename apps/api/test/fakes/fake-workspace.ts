/** The workspace service as the API sees it: named workspaces, uploads, and downloads served by the real git. */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bus } from '@sallyport/bus/connection';
import { WorkspaceService, WorkspaceState } from '@sallyport/contracts/workspace/v1/workspace';
import { Fault } from '@sallyport/core/fault';
import { newId } from '@sallyport/core/ids';
import { demand, FakeService } from './fake-service.ts';

const chunk = 512 * 1024;

export class FakeWorkspace {
  readonly names = new Set<string>(['demo']);
  readonly uploads = new Map<string, { readonly size: bigint; readonly sha256: string; bytes: Buffer }>();
  readonly folder = mkdtempSync(join(tmpdir(), 'sally-fake-workspace-'));
  readonly repo = join(this.folder, 'demo.git');
  service!: FakeService<typeof WorkspaceService>;
  private readonly downloads = new Map<string, { readonly bytes: Buffer; at: number }>();

  async serve(bus: Bus): Promise<this> {
    this.seed();
    this.service = await FakeService.serve(bus, WorkspaceService, {
      createWorkspace: async ({ name }, call) => {
        const { org } = demand(call, 'workspace');
        if (this.names.has(name)) throw new Fault('already_exists', 'workspace.name_taken', `${name} exists`, { name });
        this.names.add(name);
        return { workspace: this.show(org, name) };
      },
      getWorkspace: async ({ name }, call) => ({ workspace: this.known(call, name) }),
      listWorkspaces: async (_, call) => {
        const { org } = demand(call, 'workspace');
        return { workspaces: [...this.names].map((name) => this.show(org, name)) };
      },
      beginUpload: async ({ size, sha256 }, call) => {
        demand(call, 'workspace');
        const upload = newId('upload', Date.now());
        this.uploads.set(upload, { size, sha256, bytes: Buffer.alloc(0) });
        return { upload };
      },
      writeUpload: async ({ upload, offset, data }, call) => {
        demand(call, 'workspace');
        const held = this.uploads.get(upload);
        if (held === undefined || offset !== BigInt(held.bytes.length) || data.length > chunk)
          throw new Fault('invalid_argument', 'workspace.upload_invalid', 'no');
        held.bytes = Buffer.concat([held.bytes, data]);
        return { received: BigInt(held.bytes.length) };
      },
      importWorkspace: async ({ name, upload }, call) => {
        const { org } = demand(call, 'workspace');
        const held = this.uploads.get(upload);
        const whole =
          held !== undefined &&
          BigInt(held.bytes.length) === held.size &&
          createHash('sha256').update(held.bytes).digest('hex') === held.sha256;
        if (!whole) throw new Fault('failed_precondition', 'workspace.upload_incomplete', 'not whole');
        this.names.add(name);
        return { workspace: this.show(org, name), objects: 3 };
      },
      listFiles: async ({ workspace }, call) => {
        this.known(call, workspace);
        return { entries: [{ path: 'README.md', mode: '100644', object: '0'.repeat(40), size: 6n }] };
      },
      readFile: async ({ workspace, path }, call) => {
        this.known(call, workspace);
        if (path !== 'docs/a b.txt') throw new Fault('not_found', 'workspace.path_not_found', `no ${path}`, { path });
        return { entry: { path, mode: '100644', object: 'a'.repeat(40), size: 6n }, data: Buffer.from('\u001b[2Jhi') };
      },
      listCommits: async ({ workspace }, call) => {
        this.known(call, workspace);
        return {
          commits: [
            {
              id: 'c'.repeat(40),
              authorName: 'Ada',
              authorEmail: 'ada@example.org',
              committerName: 'Sallyport',
              message: 'first\n',
            },
          ],
        };
      },
      getDiff: async ({ workspace }, call) => {
        this.known(call, workspace);
        return { diff: '--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n' };
      },
      undoCommit: async ({ workspace }, call) => ({
        workspace: this.known(call, workspace),
        commit: newId('upload', Date.now()).slice(4),
      }),
      openDownload: async ({ workspace, what }, call) => {
        this.known(call, workspace);
        const protocol = what.case === 'bundle' ? '' : (what.value?.protocol ?? '');
        const bytes =
          what.case === 'bundle'
            ? this.git(['-C', this.repo, 'bundle', 'create', '-', '--all'])
            : what.case === 'uploadPack'
              ? this.git(['upload-pack', '--stateless-rpc', this.repo], protocol, what.value.request)
              : this.git(['upload-pack', '--stateless-rpc', '--http-backend-info-refs', this.repo], protocol);
        const download = newId('download', Date.now());
        this.downloads.set(download, { bytes, at: 0 });
        return { download };
      },
      readDownload: async ({ download }, call) => {
        demand(call, 'workspace');
        const held = this.downloads.get(download);
        if (held === undefined) throw new Fault('not_found', 'workspace.download_not_found', 'no such download');
        const data = held.bytes.subarray(held.at, held.at + chunk);
        held.at += data.length;
        return { data, end: held.at >= held.bytes.length };
      },
    });
    return this;
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private seed(): void {
    const work = join(this.folder, 'work');
    this.git(['init', '-q', '-b', 'main', work]);
    writeFileSync(join(work, 'README.md'), 'hello\n');
    // More than one chunk of bytes that do not compress.
    writeFileSync(join(work, 'large.bin'), createNoise(1_500_000));
    this.git(['-C', work, 'add', '-A']);
    this.git(['-C', work, '-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', 'commit', '-qm', 'first']);
    this.git(['clone', '-q', '--bare', work, this.repo]);
  }

  private git(args: readonly string[], protocol = '', input?: Uint8Array): Buffer {
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: this.folder,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_PROTOCOL: protocol,
    };
    const done = spawnSync('git', args, {
      env,
      maxBuffer: 64 * 1024 * 1024,
      ...(input === undefined ? {} : { input }),
    });
    if (done.status !== 0 && input === undefined) throw new Error(done.stderr.toString());
    return done.stdout;
  }

  private known(call: { readonly token: string | undefined }, name: string) {
    const { org } = demand(call, 'workspace');
    if (!this.names.has(name) || org !== 'acme')
      throw new Fault('not_found', 'workspace.not_found', `there is no workspace ${name}`, { name });
    return this.show(org, name);
  }

  private show(org: string, name: string) {
    return { name, org, state: WorkspaceState.IDLE, head: 'd'.repeat(40), branch: 'main', version: 7n };
  }
}

function createNoise(size: number): Buffer {
  const out = Buffer.alloc(size);
  for (let at = 0; at < size; at += 32) createHash('sha256').update(String(at)).digest().copy(out, at);
  return out;
}
