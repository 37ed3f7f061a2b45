import { describe, expect, test } from '@jest/globals';
import { edgeRestarted } from '../faults.ts';
import { type Circumstances, howItEnded } from './how-it-ended.ts';
import { mayCarry } from './workload.machine.ts';

const exited = (code: number, oom = false, deadline = false): Circumstances['gone'] => ({
  state: 'exited',
  code,
  oom,
  deadline,
});
const lost: Circumstances['gone'] = { state: 'lost' };
const asked: Circumstances['ending'] = { reason: 'stopped', why: 'stopped: asked', capture: true };
const idle: Circumstances['ending'] = { reason: 'idle_timeout', why: 'idle_timeout: quiet', capture: true };

const of = (changes: Partial<Circumstances>): Circumstances => ({
  gone: exited(0),
  ending: undefined,
  ran: true,
  sandboxed: true,
  captured: true,
  startFault: undefined,
  ...changes,
});

describe('howItEnded', () => {
  test.each([
    ['an exit of 0', 'running', {}, 'exit', 'completed', 'exited'],
    ['an exit of 0 whose work was lost', 'running', { captured: false }, 'exit', 'failed', 'capture_failed'],
    ['an exit of 2', 'running', { gone: exited(2) }, 'exit', 'failed', 'exited'],
    ['an exit of 2 whose work was lost', 'running', { gone: exited(2), captured: false }, 'exit', 'failed', 'exited'],
    ['memory', 'running', { gone: exited(137, true) }, 'exit', 'oom', 'exited'],
    ['its own deadline', 'running', { gone: exited(137, false, true) }, 'exit', 'max_lifetime', 'exited'],
    ['nothing to ask', 'running', { gone: lost }, 'vanish', 'lost', 'lost'],
    ['a stop', 'stopping', { ending: asked, gone: exited(143) }, 'exit', 'stopped', 'stopped'],
    ['a stop that ran out of memory', 'stopping', { ending: asked, gone: exited(137, true) }, 'exit', 'oom', 'stopped'],
    ['idleness', 'stopping', { ending: idle, gone: exited(0) }, 'exit', 'idle_timeout', 'idle_timeout'],
    ['a stop of what vanished', 'stopping', { ending: asked, gone: lost }, 'vanish', 'lost', 'lost'],
    [
      'a stop before there was a sandbox',
      'stopping',
      { ending: asked, gone: lost, sandboxed: false, ran: false },
      'exit',
      'stopped',
      'stopped',
    ],
    [
      'a supervisor that fell over',
      'starting',
      { ran: false, gone: exited(1) },
      'fail',
      'start_failed',
      'start_failed',
    ],
    [
      'a refusal on the way up',
      'starting',
      { ran: false, gone: exited(137), startFault: edgeRestarted() },
      'fail',
      'start_failed',
      'runtime.edge_restarted',
    ],
    ['memory on the way up', 'starting', { ran: false, gone: exited(137, true) }, 'fail', 'oom', 'start_failed'],
    [
      'no sandbox at all',
      'starting',
      { ran: false, gone: lost, sandboxed: false },
      'fail',
      'start_failed',
      'start_failed',
    ],
  ] as const)('%s', (_, state, changes, event, stopReason, word) => {
    const ended = howItEnded(of(changes));
    expect(ended).toMatchObject({ event, stopReason });
    expect(ended.why.split(':')[0]).toBe(word);
    expect(mayCarry(state, ended.event, ended.stopReason)).toBe(true);
  });
});
