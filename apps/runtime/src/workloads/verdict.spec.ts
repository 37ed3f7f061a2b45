import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { ResultSchema, Verdict } from '@sallyport/contracts/unit/v1/event';
import { type Gone, resultOf, stopReasonOf } from './verdict.ts';

const exited = (code: number, more: { oom?: boolean; deadline?: boolean } = {}): Gone => ({
  state: 'exited',
  code,
  oom: false,
  deadline: false,
  ...more,
});
const lost: Gone = { state: 'lost' };
const said = (verdict: Verdict, exitCode = 0) => create(ResultSchema, { verdict, exitCode, reply: 'hello' });

describe('stopReasonOf', () => {
  test.each([
    ['an exit of 0', exited(0), 'completed'],
    ['an exit of 1', exited(1), 'failed'],
    ['a kill nobody asked for', exited(137), 'failed'],
    ['a kill by the kernel for memory', exited(137, { oom: true }), 'oom'],
    ['its own deadline', exited(137, { deadline: true }), 'max_lifetime'],
    ['a vanished sandbox', lost, 'lost'],
  ] as const)('%s', (_, gone, reason) => {
    expect(stopReasonOf(gone)).toBe(reason);
  });
});

describe('resultOf', () => {
  test.each([
    ['a success that exited well', exited(0), 'completed', said(Verdict.SUCCEEDED), Verdict.SUCCEEDED],
    ['a claimed success of a sandbox that failed', exited(1), 'failed', said(Verdict.SUCCEEDED), Verdict.FAILED],
    ['a claimed success of a command that failed', exited(0), 'completed', said(Verdict.SUCCEEDED, 3), Verdict.FAILED],
    ['a failure', exited(1), 'failed', said(Verdict.FAILED, 1), Verdict.FAILED],
    ['a blocked agent', exited(1), 'failed', said(Verdict.BLOCKED), Verdict.BLOCKED],
    ['silence', exited(0), 'completed', undefined, Verdict.RUNNER_ERROR],
    ['a result without a verdict', exited(0), 'completed', said(Verdict.UNSPECIFIED), Verdict.RUNNER_ERROR],
    ['a cancelled run that claims success', exited(0), 'stopped', said(Verdict.SUCCEEDED), Verdict.CANCELLED],
    ['an idle run', exited(143), 'idle_timeout', undefined, Verdict.BUDGET_EXHAUSTED],
    ['a run out of memory', exited(137), 'oom', said(Verdict.SUCCEEDED), Verdict.FAILED],
    ['a lost run', lost, 'lost', undefined, Verdict.FAILED],
  ] as const)('%s', (_, gone, stopped, words, verdict) => {
    expect(resultOf(gone, stopped, words).verdict).toBe(verdict);
  });

  test('keeps at most 64 KiB of the reply', () => {
    const long = create(ResultSchema, { verdict: Verdict.SUCCEEDED, reply: 'x'.repeat(100_000) });
    expect(resultOf(exited(0), 'completed', long).reply).toHaveLength(65_536);
  });
});
