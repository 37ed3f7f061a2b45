/**
 * Kills processes of the started product at random while runs are accepted and triggers fire, and then holds the product to its promises: no accepted run
 * or firing is lost, none starts twice, every run ends with a reason, no process is left.
 */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { RunView, StartedStack } from '../e2e/started-stack.ts';
import { type Fired, TriggerFeed } from './trigger-feed.ts';

export interface ChaosOptions {
  readonly kills: number;
  readonly seed: number;
  /** Tells each step. */
  readonly say?: (line: string) => void;
  /** Names of what is killed; every service and the bus when there are none. */
  readonly victims?: readonly string[];
  /** Victims that are no process of the product: how each is killed, and had again. */
  readonly beside?: Readonly<Record<string, () => Promise<void>>>;
  /** Sandboxes alive at this moment, a word for each; processes of bubblewrap when nothing is said. */
  readonly alive?: () => Promise<readonly string[]>;
}

export interface ChaosReport {
  readonly kills: Readonly<Record<string, number>>;
  readonly accepted: number;
  /** Firings on record, by what caused them; each is a run that was judged. */
  readonly fired: Fired['counts'];
  /** Requests the API could not take; the caller knew at once. */
  readonly refused: number;
  readonly ends: Readonly<Record<string, number>>;
  /** Runs that broke a promise, with which. */
  readonly broken: readonly string[];
  /** Longest wait from a kill until the API accepted work again, milliseconds. */
  readonly slowestRecoveryMs: number;
}

/** Every victim; the launcher itself and the scripted model are not the product's services. */
const victims = ['identity', 'scheduler', 'runtime', 'workspace', 'egress', 'audit', 'api', 'nats'] as const;

/** Beyond these it counts as never: a slow machine is in time. */
const recoveryMs = 120_000;
const endMs = 180_000;

/** Mulberry32: a seed gives the same sequence of kills again. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Runs the storm on a started stack and judges what came of it. */
export async function chaos(stack: StartedStack, options: ChaosOptions): Promise<ChaosReport> {
  const roll = random(options.seed);
  const say = options.say ?? (() => undefined);
  const kills: Record<string, number> = {};
  const accepted: string[] = [];
  let refused = 0;
  let slowest = 0;
  let storming = true;
  const alive = options.alive ?? (await watchSandboxes(stack));
  const triggers = await TriggerFeed.make(stack);
  const firing = triggers.feed(() => storming);
  const feeding = feed(
    stack,
    () => storming,
    accepted,
    () => {
      refused += 1;
    },
  );
  const among = options.victims ?? victims;
  // However short the storm is asked to be, it goes on until the clock has fired in it.
  for (let kill = 0; kill < options.kills || !(await triggers.hasTicked()); kill += 1) {
    const name = among[Math.floor(roll() * among.length)] ?? 'api';
    await newWork(accepted, accepted.length);
    const took = await strike(stack, name, options.beside?.[name]);
    kills[name] = (kills[name] ?? 0) + 1;
    slowest = Math.max(slowest, took);
    say(`${kill + 1}/${options.kills} killed ${name}, back after ${Math.round(took)} ms, ${accepted.length} accepted`);
    await new Promise((resolve) => setTimeout(resolve, roll() * 400));
  }
  storming = false;
  await feeding;
  await firing;
  await settled(stack);
  const fired = await triggers.judge();
  const broken = [...fired.broken];
  const ends: Record<string, number> = {};
  for (const id of [...accepted, ...fired.runs]) {
    const run = await ending(stack, id);
    const end = run === undefined ? 'never ended' : `${run.state} ${run.reason}`;
    ends[end] = (ends[end] ?? 0) + 1;
    broken.push(...(await promisesBroken(stack, id, run)));
  }
  broken.push(...(await leftovers(alive)));
  return { kills, accepted: accepted.length, fired: fired.counts, refused, ends, broken, slowestRecoveryMs: slowest };
}

/** Kills a victim and waits until it is back and the API answers; how long that took. */
async function strike(stack: StartedStack, name: string, beside?: () => Promise<void>): Promise<number> {
  if (beside !== undefined) {
    const started = performance.now();
    await beside();
    return performance.now() - started;
  }
  const pid = (await stack.pids())[name];
  if (pid === undefined) throw new Error(`${name} is not running`);
  process.kill(pid, 'SIGKILL');
  return recovered(stack, name, pid);
}

/** Waits until a run was accepted since the last kill, so that a slow machine is under work at each one too. */
async function newWork(accepted: readonly string[], before: number): Promise<void> {
  const started = performance.now();
  while (accepted.length === before) {
    if (performance.now() - started > recoveryMs) throw new Error(`no run was accepted within ${recoveryMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits until everybody that is asked below answers again: the last victim may still be coming back. */
async function settled(stack: StartedStack): Promise<void> {
  const paths = ['/v1/runs?limit=1', '/v1/audit/events?limit=1', '/v1/workspaces?limit=1'];
  const started = performance.now();
  for (const path of paths) {
    while (!(await answers(stack, path))) {
      if (performance.now() - started > recoveryMs)
        throw new Error(`GET ${path} is not answered ${recoveryMs} ms after the storm`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function answers(stack: StartedStack, path: string): Promise<boolean> {
  const answer = await stack.rest.raw('GET', path).catch(() => undefined);
  await answer?.body?.cancel();
  return answer?.ok === true;
}

/** Asks for work without pause: short commands, commands that take a moment, commits, model turns. */
async function feed(
  stack: StartedStack,
  going: () => boolean,
  accepted: string[],
  onRefused: () => void,
): Promise<void> {
  const kinds: readonly (() => Promise<RunView>)[] = [
    () => stack.exec(['sh', '-c', 'echo quick']),
    () => stack.exec(['sh', '-c', 'sleep 1; echo slow']),
    () => stack.exec(['sh', '-c', 'date +%N > chaos.txt'], { mounts: [{ workspace: 'demo', mode: 'rw' }] }),
    () =>
      stack.create({
        role: 'editor',
        task: '<script>[{"text":"one","shell":"sleep 0.3; echo two"},{"text":"three"}]</script>',
      }),
  ];
  for (let turn = 0; going(); turn += 1) {
    try {
      const run = await kinds[turn % kinds.length]?.();
      if (run !== undefined) accepted.push(run.id);
    } catch {
      onRefused();
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** Waits until the victim runs anew and the API answers; how long that took. */
async function recovered(stack: StartedStack, name: string, killed: number): Promise<number> {
  const started = performance.now();
  while (performance.now() - started < recoveryMs) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const pid = (await stack.pids())[name];
    if (pid === undefined || pid === killed) continue;
    if (await answers(stack, '/v1/runs?limit=1')) return performance.now() - started;
  }
  throw new Error(`${name} did not come back within ${recoveryMs} ms`);
}

async function ending(stack: StartedStack, id: string): Promise<RunView | undefined> {
  return stack.ended(id, endMs).catch(() => undefined);
}

/** What one run did not keep. */
async function promisesBroken(stack: StartedStack, id: string, run: RunView | undefined): Promise<readonly string[]> {
  if (run === undefined) return [`${id} never ended`];
  const broken: string[] = [];
  if (run.reason === '') broken.push(`${id} ended ${run.state} without a reason`);
  const { items } = await stack.rest.get<{
    items: readonly { kind: string; facts?: Readonly<Record<string, string>> }[];
  }>(`/v1/audit/events?run=${id}&limit=1000`);
  const starts = items.filter((event) => event.kind === 'exchange.dispatch').length;
  if (starts > 1) broken.push(`${id} was given ${starts} dispatch tokens`);
  const events = await stack.events(id);
  const seqs = events.flatMap((event) => (event.seq === undefined ? [] : [event.seq]));
  if (seqs.some((seq, index) => seq !== index + 1)) broken.push(`${id} has a gap or a double in its output`);
  if (run.state === 'completed' && !events.some((event) => event.type === 'result'))
    broken.push(`${id} completed without a result`);
  return broken;
}

/** Sandboxes alive although every run has ended; two sweeps are waited for. */
async function leftovers(alive: () => Promise<readonly string[]>): Promise<readonly string[]> {
  for (let waited = 0; waited < recoveryMs; waited += 500) {
    if ((await alive()).length === 0) return [];
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return (await alive()).map((line) => `left behind: ${line}`);
}

/** How to see the processes outside a sandbox that hold it: they stand in its folder, below that of the runtime, which is alive now. */
async function watchSandboxes(stack: StartedStack): Promise<() => Promise<readonly string[]>> {
  const { runtime } = await stack.pids();
  const [, folder] = /(?:^|\0)SALLY_RUNTIME_DIR=([^\0]+)/.exec(readFileSync(`/proc/${runtime}/environ`, 'utf8')) ?? [];
  if (folder === undefined) throw new Error('the runtime names no folder');
  const standing = (name: string): readonly string[] => {
    try {
      const place = /^\d+$/.test(name) ? readlinkSync(`/proc/${name}/cwd`) : '';
      return place.startsWith(`${folder}/workloads/`) ? [`${name} in ${place}`] : [];
    } catch {
      return [];
    }
  };
  return async () => readdirSync('/proc').flatMap(standing);
}
