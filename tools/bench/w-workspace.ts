/** W1: a rw mount of 10,000 files on an edge that has seen them / `git worktree add`. W2: the platform commit of 100 changed files / `git add -A && git commit`. */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StartedStack } from '../e2e/started-stack.ts';
import { type Figure, figure, interleave, median, type StackBench } from './bench.ts';

const execute = promisify(execFile);

const files = 10_000;
const changed = 100;

interface Sample {
  readonly directory: string;
  readonly repository: string;
  close(): void;
}

/** Not synchronous: connections to the stack that idle meanwhile must see their end. */
async function git(directory: string, ...args: readonly string[]): Promise<void> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: directory,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@b',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@b',
  };
  await execute('git', args, { cwd: directory, env });
}

async function sample(): Promise<Sample> {
  const directory = mkdtempSync(join(tmpdir(), 'sally-w-'));
  const repository = join(directory, 'repository');
  mkdirSync(repository);
  await git(repository, 'init', '-q', '-b', 'main');
  for (let index = 0; index < files; index += 1) {
    const folder = join(repository, `d${index % 100}`);
    if (index < 100) mkdirSync(folder);
    writeFileSync(join(folder, `f${index}.txt`), `file ${index}\n${'x'.repeat(index % 500)}\n`);
  }
  await git(repository, 'add', '-A');
  await git(repository, 'commit', '-q', '-m', 'first');
  return { directory, repository, close: () => rmSync(directory, { recursive: true, force: true }) };
}

async function importInto(stack: StartedStack, from: Sample, name: string): Promise<void> {
  const bundle = join(from.directory, 'bundle');
  await git(from.repository, 'bundle', 'create', '-q', bundle, 'HEAD', 'main');
  const bytes = await readFile(bundle);
  const response = await fetch(new URL(`/v1/workspaces/${name}/bundle`, stack.rest.url), {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${stack.rest.token}`,
      'content-type': 'application/octet-stream',
      'content-length': String(bytes.length),
      'x-content-sha256': createHash('sha256').update(bytes).digest('hex'),
    },
    body: new Uint8Array(bytes),
  });
  if (!response.ok) throw new Error(`import answered ${response.status}: ${await response.text()}`);
}

/** The time a run took for one stage, milliseconds. */
async function stageOf(stack: StartedStack, argv: readonly string[], stage: string): Promise<number> {
  const run = await stack.exec(argv, { mounts: [{ workspace: 'bench', mode: 'rw' }] });
  const ended = await stack.ended(run.id);
  if (ended.state !== 'completed') throw new Error(`the run ended ${ended.state}: ${ended.reason} ${ended.message}`);
  const events = await stack.events(run.id);
  const reached = events.find((event) => event.type === 'stage.reached' && event.data['stage'] === stage);
  const detail = reached?.data['detail'] as Readonly<Record<string, string>> | undefined;
  return Number(detail?.['work_micros'] ?? reached?.data['took_micros']) / 1000;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function withSample(stack: StartedStack, measure: (sample: Sample) => Promise<Figure>): Promise<Figure> {
  const made = await sample();
  try {
    if (!(await stack.rest.exists('/v1/workspaces/bench'))) await importInto(stack, made, 'bench');
    return await measure(made);
  } finally {
    made.close();
  }
}

export const w1: StackBench = {
  id: 'W1',
  run: ({ rounds, stack }) =>
    withSample(stack, async ({ repository, directory }) => {
      await stageOf(stack, ['true'], 'mounted');
      let tree = 0;
      const measured = await interleave(
        {
          ours: () => stageOf(stack, ['true'], 'mounted'),
          floor: () =>
            timed(() =>
              git(repository, 'worktree', 'add', '-q', '--detach', join(directory, `tree-${++tree}`), 'HEAD'),
            ),
        },
        rounds,
      );
      return figure(
        {
          id: 'W1',
          what: `mount of ${files} files on an edge that has seen them / git worktree add`,
          bar: { atMost: 1.5 },
        },
        measured,
        { unit: 'ms' },
      );
    }),
};

/** Changes a hundred files; its word makes each time different. */
const change = `i=0; while [ $i -lt ${changed} ]; do echo "$0 $i" > d$i/f$i.txt; i=$((i+1)); done`;

async function commitOf(repository: string, word: string, ...config: readonly string[]): Promise<number> {
  await execute('sh', ['-c', change, word], { cwd: repository });
  return timed(async () => {
    await git(repository, ...config, 'add', '-A');
    await git(repository, ...config, 'commit', '-q', '-m', 'next');
  });
}

export const w2: StackBench = {
  id: 'W2',
  run: ({ rounds, stack }) =>
    withSample(stack, async ({ repository }) => {
      let round = 0;
      const synced: number[] = [];
      const measured = await interleave(
        {
          ours: () => stageOf(stack, ['sh', '-c', change, `ours-${++round}`], 'captured'),
          floor: async () => {
            synced.push(await commitOf(repository, `synced-${++round}`, '-c', 'core.fsync=all'));
            return commitOf(repository, `floor-${++round}`);
          },
        },
        rounds,
      );
      return figure(
        {
          id: 'W2',
          what: `platform commit of ${changed} changed of ${files} files / git add -A && git commit`,
          bar: { atMost: 2.0 },
        },
        measured,
        { unit: 'ms', 'git with core.fsync=all': median(synced) },
      );
    }),
};
