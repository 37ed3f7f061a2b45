/** Audit events of the runtime, from a record. */

import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { RuntimeEvent } from '@sallyport/contracts/runtime/v1/runtime';
import type { EventInit } from '@sallyport/service/audit';
import type { StopWord } from '../workloads/workload.machine.ts';
import { orgOf, stateWord, stopWord, type WorkloadRecord } from '../workloads/workload.ts';

/** What every audit event of a workload says. */
export const auditFacts = (record: WorkloadRecord): Omit<EventInit, 'kind' | 'outcome'> => ({
  org: orgOf(record),
  environment: record.unit.identity?.environment ?? '',
  subject: record.unit.identity?.subject ?? '',
  run: record.unit.run,
  dispatch: record.id,
  resource: `workload/${record.id}`,
});

const failures: ReadonlySet<StopWord> = new Set(['failed', 'oom', 'start_failed', 'lost']);

/** One transition; the same id however often it is sent. */
export function transitionEvent(record: WorkloadRecord, event: RuntimeEvent): EventInit {
  const workload = event.workload;
  const reason = stopWord(workload?.stopReason);
  const failed = reason !== undefined && failures.has(reason);
  return {
    ...auditFacts(record),
    kind: 'runtime.transition',
    id: event.id,
    outcome: failed ? 'error' : 'allow',
    ...(failed && { reason: `runtime.${reason}` }),
    ...(event.at && { at: timestampMs(event.at) }),
    facts: {
      state: stateWord(workload?.state) ?? '',
      seq: String(event.seq),
      epoch: String(workload?.epoch ?? 0n),
      ...(reason !== undefined && { stop_reason: reason }),
      ...(workload?.exitCode !== undefined && { exit_code: String(workload.exitCode) }),
    },
  };
}
