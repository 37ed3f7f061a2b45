import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { RunnerDescriptionSchema } from '@sallyport/contracts/schedule/v1/schedule';
import type { Edge } from '../edges/edge.ts';
import { requireRunner } from './require-runner.ts';

const anEdge = (runners: readonly string[], remedy?: string): Edge => ({
  id: 'e1',
  state: 'active',
  reason: 'registered',
  since: 0,
  version: 1,
  profiles: ['default'],
  capacity: 1,
  seenAt: 0,
  runners,
  descriptions:
    remedy === undefined ? [] : [create(RunnerDescriptionSchema, { runner: 'codex', missing: ['x'], remedy })],
});

const refusal = (runner: string, edges: readonly Edge[]): unknown => {
  try {
    requireRunner(runner, edges);
    return undefined;
  } catch (error) {
    return error;
  }
};

describe('requireRunner', () => {
  test.each<[string, readonly Edge[]]>([
    ['no edge is heard: nobody knows', []],
    ['one of two edges has it', [anEdge(['native'], 'npm install x'), anEdge(['codex'])]],
  ])('lets a run wait where %s', (_, edges) => {
    expect(refusal('codex', edges)).toBeUndefined();
  });

  test.each<[string, string, readonly Edge[], string]>([
    ['in the words of the edge', 'codex', [anEdge([]), anEdge([], 'npm install x')], 'npm install x'],
    ['with the package when no edge has words', 'codex', [anEdge(['native'])], 'npm install @openai/codex@0.169.0'],
    ['with an update for what comes with an edge', 'acp', [anEdge(['native'])], 'update the edge'],
  ])('refuses what every edge lacks, %s', (_, runner, edges, remedy) => {
    expect(refusal(runner, edges)).toMatchObject({ reason: 'scheduler.runner_missing', detail: { runner, remedy } });
  });
});
