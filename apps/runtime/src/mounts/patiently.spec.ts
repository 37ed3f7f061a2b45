import { describe, expect, test } from '@jest/globals';
import { Fault, type FaultCode } from '@sallyport/core/fault';
import { patiently } from './patiently.ts';

function failing(times: number, code: FaultCode, reason: string) {
  let calls = 0;
  return {
    calls: () => calls,
    work: (): Promise<string> => {
      calls += 1;
      return calls > times ? Promise.resolve('done') : Promise.reject(new Fault(code, reason, 'x'));
    },
  };
}

describe('patiently', () => {
  const passing: readonly [FaultCode, string][] = [
    ['unavailable', 'bus.no_responder'],
    ['deadline_exceeded', 'bus.timeout'],
    ['aborted', 'workspace.head_moved'],
    ['not_found', 'workspace.upload_unknown'],
  ];
  test.each(passing)('calls again after %s %s', async (code, reason) => {
    const it = failing(2, code, reason);
    expect(await patiently(it.work, [0, 0])).toBe('done');
    expect(it.calls()).toBe(3);
  });

  const lasting: readonly [FaultCode, string][] = [
    ['permission_denied', 'workspace.mount_refused'],
    ['failed_precondition', 'workspace.busy'],
    ['not_found', 'workspace.unknown'],
    ['resource_exhausted', 'runtime.mount_too_large'],
    ['internal', 'workspace.object_damaged'],
  ];
  test.each(lasting)('gives up at once after %s %s', async (code, reason) => {
    const it = failing(1, code, reason);
    await expect(patiently(it.work, [0, 0])).rejects.toMatchObject({ code, reason });
    expect(it.calls()).toBe(1);
  });

  test('gives up with the last failure', async () => {
    const it = failing(9, 'unavailable', 'bus.no_responder');
    await expect(patiently(it.work, [0, 0])).rejects.toMatchObject({ reason: 'bus.no_responder' });
    expect(it.calls()).toBe(3);
  });
});
