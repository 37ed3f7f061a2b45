import { describe, expect, test } from '@jest/globals';
import { type Evidence, judge, outcomeOf } from './evidence.ts';

const evidence = (seen: Partial<Evidence>): Evidence => ({
  exit: { kind: 'exited', code: 0 },
  forced: undefined,
  closing: { kind: 'done' },
  reply: 'Done.',
  refusedLast: false,
  ...seen,
});

const exited = (code: number) => ({ kind: 'exited', code }) as const;

describe('judge', () => {
  test.each<[string, Partial<Evidence>, string, string | undefined]>([
    ['a program that says it is done and exits with 0', {}, 'VERDICT_SUCCEEDED', undefined],
    ['exit 0 without a closing word', { closing: undefined }, 'VERDICT_RUNNER_ERROR', 'runner.no_result'],
    [
      'a program that is not there',
      { closing: undefined, exit: { kind: 'failed', error: 'ENOENT' } },
      'VERDICT_RUNNER_ERROR',
      'runner.no_result',
    ],
    [
      'a program the kernel killed',
      { closing: undefined, exit: { kind: 'signalled', signal: 'SIGKILL' } },
      'VERDICT_RUNNER_ERROR',
      'runner.no_result',
    ],
    ['claude: exit 0 and its last call denied', { refusedLast: true }, 'VERDICT_BLOCKED', 'runner.tool_refused'],
    ['codex: exit 0 and a write it was not allowed', { refusedLast: true }, 'VERDICT_BLOCKED', 'runner.tool_refused'],
    [
      'opencode: exit 0 after a question it said no to',
      { refusedLast: true },
      'VERDICT_BLOCKED',
      'runner.tool_refused',
    ],
    ['"done" and exit 1', { exit: exited(1) }, 'VERDICT_FAILED', 'runner.failed'],
    [
      'is_error in the closing word and exit 0',
      { closing: { kind: 'failed', message: 'no' } },
      'VERDICT_FAILED',
      'runner.failed',
    ],
    [
      'claude: the turns are used',
      { closing: { kind: 'budget', message: '' }, exit: exited(1) },
      'VERDICT_BUDGET_EXHAUSTED',
      'runner.budget_exhausted',
    ],
    [
      'a key the model refuses',
      { closing: { kind: 'model', message: '', status: 401 }, exit: exited(1) },
      'VERDICT_FAILED',
      'model.refused',
    ],
    [
      'gemini: 401 modulo 256 as exit code',
      { closing: { kind: 'model', message: '', status: 401 }, exit: exited(145) },
      'VERDICT_FAILED',
      'model.refused',
    ],
    [
      'a model that stays busy',
      { closing: { kind: 'model', message: '', status: 429 }, exit: exited(1) },
      'VERDICT_RUNNER_ERROR',
      'model.busy',
    ],
    [
      'a model that keeps failing',
      { closing: { kind: 'model', message: '', status: 503 }, exit: exited(1) },
      'VERDICT_RUNNER_ERROR',
      'model.failing',
    ],
    [
      'a stream that broke off every time',
      { closing: { kind: 'model', message: '' }, exit: exited(1) },
      'VERDICT_RUNNER_ERROR',
      'model.unreachable',
    ],
    [
      'a model that egress denies',
      { closing: { kind: 'model', message: '', status: 403, denied: true }, exit: exited(1) },
      'VERDICT_BLOCKED',
      'model.denied',
    ],
    ['stopped by the platform, whatever it said', { forced: 'stopped' }, 'VERDICT_CANCELLED', undefined],
    ['silent for too long', { forced: 'stalled', closing: undefined }, 'VERDICT_RUNNER_ERROR', 'runner.stalled'],
    [
      'done, and ended for it because it did not go',
      { forced: 'lingered', exit: { kind: 'signalled', signal: 'SIGTERM' } },
      'VERDICT_SUCCEEDED',
      undefined,
    ],
  ])('%s', (_, seen, verdict, reason) => {
    expect(judge(evidence(seen))).toMatchObject({ verdict, ...(reason !== undefined && { reason }) });
    if (reason === undefined) expect(judge(evidence(seen))).not.toHaveProperty('reason');
  });
});

describe('outcomeOf', () => {
  test('has a code other than 0 for whatever did not succeed', () => {
    const seen = evidence({ refusedLast: true });
    expect(outcomeOf(seen, judge(seen)).exitCode).toBe(1);
  });

  test('has 0 for a success that had to be ended by a signal', () => {
    const seen = evidence({ forced: 'lingered', exit: { kind: 'signalled', signal: 'SIGTERM' } });
    expect(outcomeOf(seen, judge(seen)).exitCode).toBe(0);
  });
});
