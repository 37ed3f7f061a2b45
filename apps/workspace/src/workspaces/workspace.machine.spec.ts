import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { type WorkspaceMove, type WorkspaceStatus, workspaceMachine } from './workspace.machine.ts';

describe('the workspace machine', () => {
  test('is the diagram of the README', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    expect(/```mermaid\n([\s\S]*?)\n```/.exec(readme)?.[1]).toBe(workspaceMachine.toMermaid());
  });

  const illegal: readonly [WorkspaceStatus, WorkspaceMove][] = [
    ['busy', 'hold'],
    ['idle', 'release'],
    ['stopped', 'hold'],
    ['failed', 'provision'],
    ['failed', 'hold'],
    ['provisioning', 'hold'],
    ['stopping', 'hold'],
  ];
  test.each(illegal)('does not let %s %s', (state, move) => {
    expect(workspaceMachine.next(state, move)).toBeUndefined();
  });

  test('lets failed go by way of stopping only', () => {
    expect(workspaceMachine.allowed('failed')).toEqual(['stop']);
  });
});
