/** Words of the specs over the life of a workload: what agents do, what is told of them, what is left of them. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { StopReasonSchema, WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import type { Unit } from '@sallyport/contracts/unit/v1/unit';
import type { Handle } from '../src/backends/backend.ts';
import type { World } from './world.ts';

/** Says `ready`. */
export const ready = `await emit({ messageDelta: { text: 'ready' } });`;
/** Never ends by itself. */
export const hang = 'await new Promise(() => setInterval(() => {}, 1000));';

/** Goes on once a file is there. */
export const until = (path: string): string =>
  `await new Promise((resolve) => { const timer = setInterval(() => { if (fs.existsSync('${path}')) { clearInterval(timer); resolve(); } }, 20); });`;

const words: Readonly<Record<number, string>> = {
  [WorkloadState.STARTING]: 'starting',
  [WorkloadState.RUNNING]: 'running',
  [WorkloadState.STOPPING]: 'stopping',
  [WorkloadState.STOPPED]: 'stopped',
};

/** What was reported of a unit, in order, without a gap; what is said twice, around a restart, is the same both times. */
export function told(world: World, unit: Unit): string[] {
  const events = new Map<bigint, string>();
  for (const { event } of world.reportsOf(unit)) {
    const { seq = 0n, workload } = event ?? {};
    const { state = 0, stopReason = 0, exitCode } = workload ?? {};
    const reason = StopReasonSchema.value[stopReason]?.name.replace('STOP_REASON_', '').toLowerCase();
    const word = [words[state], ...(stopReason === 0 ? [] : [reason]), ...(exitCode === undefined ? [] : [exitCode])];
    expect(events.get(seq) ?? word.join(' ')).toBe(word.join(' '));
    events.set(seq, word.join(' '));
  }
  expect([...events.keys()]).toEqual(Array.from(events.keys(), (_, index) => BigInt(index + 1)));
  return [...events.values()];
}

export function handleOf(world: World, unit: Unit): Handle {
  const text = readFileSync(join(world.directory, 'workloads', unit.dispatch, 'journal.json'), 'utf8');
  return (JSON.parse(text) as { handle: Handle }).handle;
}

/** Processes of a uid of the host that are more than an entry somebody has yet to read. */
export const processesOf = (uid: number): readonly string[] =>
  readdirSync('/proc').filter((name) => {
    try {
      const status = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/status`, 'utf8') : '';
      return new RegExp(`^Uid:\\s${uid}\\s`, 'm').test(status) && !/^State:\s[ZX]/m.test(status);
    } catch {
      return false;
    }
  });

/** Whether a process still does anything. */
export const isAlive = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};
