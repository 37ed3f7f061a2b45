/** `workspace import`: any git repository, by path or URL, as a workspace. */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import type { Workspace } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { exit } from '../exit.ts';
import { Failure } from '../failure.ts';
import { type Flags, textOf } from '../flags.ts';
import { visibleLine } from '../output/visible.ts';
import { workspaceView } from './views.ts';

export async function importWorkspace(
  context: Context,
  [name = '', source = '']: readonly (string | undefined)[],
  flags: Flags,
): Promise<undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'sally-import-'));
  try {
    const bundle = await bundleOf(context, source, folder, textOf(flags, 'ref'));
    const { api, printer } = context;
    const digest = await sha256Of(bundle);
    const response = await api.ask(`/v1/workspaces/${encodeURIComponent(name)}/bundle`, {
      method: 'PUT',
      body: Readable.toWeb(createReadStream(bundle)) as ReadableStream<Uint8Array>,
      headers: {
        'content-type': 'application/x-git-bundle',
        'content-digest': `sha-256=:${digest}:`,
        'content-length': String((await stat(bundle)).size),
      },
    });
    const workspace = (await response.json()) as Workspace;
    await printer.one(workspace, workspaceView(Date.now()), () => [
      `${visibleLine(workspace.name)} is imported, head ${visibleLine(workspace.head.slice(0, 12))}`,
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return undefined;
}

/** A bundle of one branch of a repository, by way of a bare clone: nothing of the source is checked out or run. */
async function bundleOf(context: Context, source: string, folder: string, ref: string | undefined): Promise<string> {
  const repository = join(folder, 'source.git');
  const bundle = join(folder, 'bundle');
  const from = existsSync(source) ? resolve(source) : source;
  const branch = ref === undefined ? [] : ['--branch', ref];
  await git(
    context,
    ['clone', '--bare', '--quiet', '--no-hardlinks', '--single-branch', '--no-tags', ...branch, '--', from, repository],
    folder,
  );
  await git(context, ['-C', repository, 'bundle', 'create', '--quiet', bundle, 'HEAD', '--branches'], folder);
  return bundle;
}

/** Runs git without the configuration, hooks and credentials prompts of whoever calls. */
async function git({ env, signal }: Context, args: readonly string[], home: string): Promise<void> {
  const clean = {
    PATH: env['PATH'] ?? '/usr/bin:/bin',
    HOME: home,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: 'file:http:https:ssh:git',
    ...(env['SSH_AUTH_SOCK'] === undefined ? {} : { SSH_AUTH_SOCK: env['SSH_AUTH_SOCK'] }),
  };
  // Whose the source is does not matter: nothing of it is executed.
  const safe = ['-c', 'safe.directory=*', '-c', 'core.hooksPath=/dev/null', '-c', 'protocol.ext.allow=never'];
  const child = spawn('git', [...safe, ...args], { env: clean, stdio: ['ignore', 'ignore', 'pipe'], signal });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString('utf8')}`.slice(-4_096);
  });
  const code = await new Promise<number | null>((settle, reject) => {
    child.once('error', reject);
    child.once('close', settle);
  }).catch((error: NodeJS.ErrnoException) => {
    if (signal.aborted) throw signal.reason;
    throw Failure.of(
      exit.prerequisite,
      'cli.git_missing',
      'git cannot be run',
      error.code ?? error.message,
      'install git, such as apt-get install git',
    );
  });
  if (code === 0) return;
  const why = said.trim().split('\n').at(-1) ?? `git ended with ${String(code)}`;
  throw Failure.of(
    exit.notFound,
    'cli.source_unreadable',
    'the repository cannot be read',
    why,
    'check the path or URL, and that git can clone it without asking',
  );
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('base64');
}
