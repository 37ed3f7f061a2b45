/**
 * The git CLI with nothing of a workspace, a user or a machine in its environment: no configuration but the one given here, no hook,
 * no filter, no attribute, no transport.
 */

import { spawn } from 'node:child_process';

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
  GIT_ALLOW_PROTOCOL: '',
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
  'protocol.allow=never',
  'submodule.recurse=false',
  'gc.auto=0',
  'maintenance.auto=false',
].flatMap((setting) => ['-c', setting]);

/** Attributes of our own git-dir; they win over any `.gitattributes` of a tree. `!` on the last two: `-` means something else there. */
export const inertAttributes = '* -text -ident -filter -diff -merge -eol !working-tree-encoding !export-subst\n';

export interface GitRun {
  readonly gitDir: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: Uint8Array | string;
  readonly timeoutMs?: number;
}

export interface GitOutcome {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs git to its end; a missing git or an overrun of the time is a non-zero code, never a throw. */
export function cleanGit(run: GitRun): Promise<GitOutcome> {
  return new Promise((resolve) => {
    const child = spawn('git', [...settings, `--git-dir=${run.gitDir}`, ...run.args], {
      cwd: '/',
      env: { ...environment, ...run.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: run.timeoutMs ?? 300_000,
      killSignal: 'SIGKILL',
    });
    const out: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < 8192) stderr += chunk.toString('utf8');
    });
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => resolve({ code: -1, stdout: Buffer.alloc(0), stderr: error.message }));
    child.on('close', (code) => resolve({ code: code ?? -1, stdout: Buffer.concat(out), stderr }));
    child.stdin.end(run.input ?? '');
  });
}
