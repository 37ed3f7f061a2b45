/**
 * The git CLI with nothing of a workspace, a user or a machine in its environment: no configuration but the one given here, no hook,
 * no filter, no driver, no transport, no prompt.
 */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { pipeline } from 'node:stream/promises';

const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_NO_LAZY_FETCH: '1',
  GIT_LITERAL_PATHSPECS: '1',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_ALLOW_PROTOCOL: '',
  GIT_PAGER: 'cat',
};

const settings = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.symlinks=true',
  'core.fileMode=true',
  'core.protectHFS=true',
  'core.protectNTFS=true',
  'core.autocrlf=false',
  'core.trustctime=true',
  'core.checkStat=default',
  'core.quotePath=false',
  'protocol.allow=never',
  'submodule.recurse=false',
  'uploadpack.allowAnySHA1InWant=true',
  'uploadpack.allowFilter=true',
  'log.showSignature=false',
  'gc.auto=0',
  'maintenance.auto=false',
].flatMap((setting) => ['-c', setting]);

/**
 * What `info/attributes` of our own git-dirs says: it wins over any `.gitattributes` of a tree. `!` means unspecified, which for `diff` and
 * `merge` is built in; `-` would make every file binary.
 */
export const inertAttributes = '* -text -ident -filter !diff !merge -eol !working-tree-encoding !export-subst\n';

export interface GitRun {
  readonly gitDir: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds; 120 000 when absent. */
  readonly timeoutMs?: number;
  /** Standard input, whole or piece by piece. */
  readonly input?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** Kilobytes of address space; for work on bytes that nobody has checked. */
  readonly memoryKb?: number;
  /** Bytes of output to keep, 256 MiB when absent; git is ended when it has written more. */
  readonly outputBytes?: number;
}

export interface GitOutcome {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly truncated: boolean;
}

const defaultTimeoutMs = 120_000;

/** Starts git; the caller owns its streams and its end. */
export function startGit(run: GitRun): ChildProcessWithoutNullStreams {
  const args = [...settings, `--git-dir=${run.gitDir}`, ...run.args];
  const options = {
    cwd: '/',
    env: { ...environment, ...run.env },
    timeout: run.timeoutMs ?? defaultTimeoutMs,
  } as const;
  if (run.memoryKb === undefined) return spawn('git', args, { ...options, killSignal: 'SIGKILL' });
  const bounded = `ulimit -v ${run.memoryKb} && ulimit -c 0 && exec git "$@"`;
  return spawn('/bin/sh', ['-c', bounded, 'sh', ...args], { ...options, killSignal: 'SIGKILL' });
}

/** Runs git to its end; a missing git or an overrun of the time is a non-zero code, never a throw. */
export function cleanGit(run: GitRun): Promise<GitOutcome> {
  const limit = run.outputBytes ?? 256 * 1024 * 1024;
  return new Promise((resolve) => {
    const child = startGit(run);
    const out: Buffer[] = [];
    let size = 0;
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      if (size > limit) return;
      out.push(chunk);
      size += chunk.length;
      if (size > limit) child.kill('SIGKILL');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < 8192) stderr += chunk.toString('utf8');
    });
    child.on('error', (error) =>
      resolve({ code: -1, stdout: Buffer.alloc(0), stderr: error.message, truncated: false }),
    );
    child.on('close', (code) => {
      const stdout = Buffer.concat(out).subarray(0, limit);
      resolve({ code: code ?? -1, stdout, stderr, truncated: size > limit });
    });
    void feed(child, run.input ?? '');
  });
}

/** A git that ends before it has read everything says so by its code, so a broken pipe is not an error here. */
async function feed(child: ChildProcessWithoutNullStreams, input: NonNullable<GitRun['input']>): Promise<void> {
  child.stdin.on('error', () => undefined);
  if (typeof input === 'string' || input instanceof Uint8Array) child.stdin.end(input);
  else await pipeline(input, child.stdin).catch(() => undefined);
}
