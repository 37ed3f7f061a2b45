import { describe, expect, test } from '@jest/globals';
import { callers } from '@sallyport/core/access';
import { workspaceAccess } from './access.ts';

describe('who may call workspace', () => {
  test('is api for people, runtime for edges, scheduler for the end of a run, and nobody else', () => {
    const rows = Object.values(workspaceAccess);
    const others = callers.filter((caller) => !['api', 'runtime', 'scheduler'].includes(caller));
    expect(rows.filter((row) => others.some((other) => row.callers.includes(other)))).toEqual([]);
  });

  test('needs a token everywhere but for the end of a run', () => {
    const open = Object.entries(workspaceAccess).filter(([, row]) => row.token === 'none');
    expect(open).toEqual([['releaseRun', { callers: ['scheduler'], token: 'none' }]]);
  });

  test('lets an edge write only by a dispatch token', () => {
    const byEdge = Object.entries(workspaceAccess).filter(([, row]) => row.callers.includes('runtime'));
    expect(
      byEdge.map(([, row]) => row.token).every((token) => token === 'dispatch' || token === 'session_or_dispatch'),
    ).toBe(true);
  });
});
