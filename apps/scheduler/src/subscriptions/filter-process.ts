/**
 * A process of its own for what may take any amount of memory. A thread would not do: V8 ends the whole process when a heap is full at
 * the wrong moment, and buffers are no part of a thread's limits.
 *
 * The system holds the bounds: of the heap by V8's own limit, of everything by that of its data. Nothing of this process's environment
 * goes with it, and it leaves no core behind.
 */

import { type ChildProcess, spawn } from 'node:child_process';

const heapMiB = 64;
/** Some 570 MiB of it are what V8 reserves at its start and never touches. */
const dataKiB = 800 * 1024;
/** Of the system's stack, so that it holds what V8 is told it may use, and so that the stacks of V8's threads count as much everywhere. */
const stackKiB = 8 * 1024;
/** Of a processor. One whose parent was killed does not hear of it while it evaluates; this is how long it goes on at most. */
const cpuSeconds = 120;

const limits = `ulimit -c 0 && ulimit -S -s ${stackKiB} && ulimit -d ${dataKiB} && ulimit -t ${cpuSeconds} && exec "$@"`;
const flags = [`--max-old-space-size=${heapMiB}`, '--max-semi-space-size=8', '--v8-pool-size=1', '--stack-size=4000'];

/** Runs a module that speaks with its parent over IPC alone; a limit that cannot be had ends it before it starts. */
export function boundedProcess(module: string): ChildProcess {
  const child = spawn('/bin/sh', ['-c', limits, 'sh', process.execPath, ...flags, module], {
    env: {},
    cwd: '/',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    serialization: 'advanced',
  });
  // It holds up nobody's end, and its own is heard as its exit.
  child.unref();
  child.channel?.unref();
  return child;
}
