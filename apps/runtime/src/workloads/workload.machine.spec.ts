import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import {
  mayCarry,
  reasonsOf,
  stopWords,
  type WorkloadEvent,
  type WorkloadState,
  workloadMachine,
} from './workload.machine.ts';

describe('workloadMachine', () => {
  test('is the diagram of the README', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    expect(/```mermaid\n([\s\S]*?)\n```/.exec(readme)?.[1]).toBe(workloadMachine.toMermaid());
  });

  test('has exactly the states of runtime.v1', () => {
    expect(workloadMachine.states).toEqual(['starting', 'running', 'stopping', 'stopped', 'destroyed']);
  });

  test('never leaves destroyed', () => {
    expect(workloadMachine.isTerminal('destroyed')).toBe(true);
  });

  test('reaches every stop reason by some move', () => {
    const reachable = new Set(Object.values(reasonsOf).flatMap((moves) => Object.values(moves).flat()));
    expect([...reachable].toSorted()).toEqual([...stopWords].toSorted());
  });

  test.each([
    ['starting', 'fail', 'start_failed', true],
    ['starting', 'fail', 'completed', false],
    ['starting', 'fail', undefined, false],
    ['starting', 'ready', undefined, true],
    ['starting', 'ready', 'completed', false],
    ['running', 'exit', 'completed', true],
    ['running', 'exit', 'oom', true],
    ['running', 'exit', 'lost', false],
    ['running', 'exit', 'idle_timeout', false],
    ['running', 'vanish', 'lost', true],
    ['running', 'vanish', 'completed', false],
    ['running', 'stop', 'stopped', false],
    ['stopping', 'exit', 'idle_timeout', true],
    ['stopping', 'exit', 'completed', false],
    ['stopping', 'vanish', 'lost', true],
    ['stopped', 'reclaim', undefined, true],
    ['stopped', 'reclaim', 'lost', false],
  ] as const)('%s on %s carries %s: %s', (state, event, reason, legal) => {
    expect(mayCarry(state as WorkloadState, event as WorkloadEvent, reason)).toBe(legal);
  });
});
