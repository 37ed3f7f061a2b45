import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { RunState, TaskState } from '@sallyport/contracts/schedule/v1/schedule';
import { dispatchMachine } from './dispatches/dispatch.machine.ts';
import { edgeMachine } from './edges/edge.machine.ts';
import { edgeStateWire } from './edges/edge.ts';
import { firingMachine } from './firings/firing.machine.ts';
import { runMachine } from './runs/run.machine.ts';
import { runStateWire, taskStateWire } from './runs/run.ts';
import { movesTo, type TaskMilestone, taskMachine } from './runs/task.machine.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const diagrams = [...readme.matchAll(/```mermaid\n([\s\S]*?)\n```/g)].map(([, diagram]) => diagram);

describe('the state machines', () => {
  test('are drawn in the README as they are', () => {
    expect(diagrams).toEqual(
      [runMachine, taskMachine, dispatchMachine, edgeMachine, firingMachine].map((machine) => machine.toMermaid()),
    );
  });

  test('have the states the contract has, each under a wire value of its own', () => {
    expect(runMachine.states).toEqual([
      'planning',
      'queued',
      'running',
      'blocked',
      'completed',
      'failed',
      'cancelled',
      'skipped',
    ]);
    expect(taskMachine.states).toEqual([
      'submitted',
      'delivered',
      'running',
      'compacting',
      'completed',
      'failed',
      'cancelled',
      'delivery_failed',
    ]);
    expect(edgeMachine.states).toEqual(['enrolling', 'active', 'quarantined', 'draining', 'gone']);
    expect(new Set(Object.values(runStateWire)).size).toBe(Object.keys(RunState).length - 1);
    expect(new Set(Object.values(taskStateWire)).size).toBe(Object.keys(TaskState).length - 1);
    expect(new Set(Object.values(edgeStateWire)).size).toBe(edgeMachine.states.length);
  });

  test('lead out of every state of a run but the four ends', () => {
    expect(runMachine.states.filter((state) => runMachine.isTerminal(state))).toEqual([
      'completed',
      'failed',
      'cancelled',
      'skipped',
    ]);
  });
});

describe('a task', () => {
  const milestones: readonly TaskMilestone[] = ['delivered', 'running', 'completed', 'failed', 'cancelled'];

  test('reaches every milestone by moves its table knows', () => {
    for (const from of taskMachine.states) {
      for (const milestone of milestones) {
        let state = from;
        for (const move of movesTo(from, milestone)) {
          const next = taskMachine.next(state, move);
          expect(next).toBeDefined();
          state = next ?? state;
        }
        const ends = ['completed', 'failed', 'cancelled'].includes(milestone);
        if (ends) expect(taskMachine.isTerminal(state)).toBe(true);
      }
    }
  });

  test('that failed before an agent was seen at work is a failed delivery', () => {
    expect(movesTo('submitted', 'failed')).toEqual(['reject']);
    expect(movesTo('delivered', 'failed')).toEqual(['reject']);
    expect(movesTo('running', 'failed')).toEqual(['fail']);
  });
});
