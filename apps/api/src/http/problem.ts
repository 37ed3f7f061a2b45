/** Faults as RFC 9457 problem documents, and the one table from fault to HTTP status. */

import { z } from '@hono/zod-openapi';
import { type Fault, type FaultCode, httpStatus } from '@sallyport/core/fault';
import { InvalidRequest, type Violation } from '../faults.ts';

/** Reasons HTTP has a more exact word for than their code. */
export const statusByReason: Readonly<Record<string, number>> = {
  'api.method_not_allowed': 405,
  'api.body_too_large': 413,
  'api.task_too_large': 413,
  'api.media_type_unsupported': 415,
  'api.encoding_unsupported': 415,
  'api.host_not_served': 421,
  'api.idempotency_mismatch': 422,
  'scheduler.idempotency_mismatch': 422,
  'scheduler.task_too_large': 413,
  'scheduler.event_too_large': 413,
};

const titles: Readonly<Record<FaultCode, string>> = {
  invalid_argument: 'The request is not valid',
  unauthenticated: 'Not authenticated',
  permission_denied: 'Not permitted',
  not_found: 'Not found',
  already_exists: 'It exists already',
  failed_precondition: 'The state does not allow it',
  resource_exhausted: 'A limit is reached',
  aborted: 'It was overtaken',
  deadline_exceeded: 'It took too long',
  unavailable: 'A service is not available',
  internal: 'The server failed',
};

export const problemSchema = z
  .object({
    type: z.string().describe('Where the reason is explained'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What failed, why, and what to do next'),
    instance: z.string(),
    code: z.string().describe('Stable reason, `<service>.<what>`'),
    category: z.string().describe('One of the closed canonical codes'),
    trace_id: z.string(),
    retryable: z.boolean(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
    facts: z.record(z.string(), z.string()).optional(),
  })
  .openapi('Problem');

export type Problem = z.infer<typeof problemSchema>;

/** HTTP status of a fault;  */
export const statusOf = (fault: Fault): number => statusByReason[fault.reason] ?? httpStatus[fault.code];

/** Compare-and-set that lost; behind `If-Match` and `If-None-Match` HTTP calls it 412. */
const stale: ReadonlySet<string> = new Set([
  'scheduler.role_changed',
  'scheduler.trigger_changed',
  'scheduler.trigger_exists',
  'scheduler.conflict',
  'workspace.conflict',
]);

export const isStale = (fault: Fault): boolean => stale.has(fault.reason);

/** What is wrong with which field: named by the API itself, or by the service in its detail. */
function violationsOf(fault: Fault): Violation[] | undefined {
  if (fault instanceof InvalidRequest) return [...fault.violations];
  const pointer = fault.detail['pointer'];
  return pointer === undefined ? undefined : [{ pointer: `/body${pointer}`, detail: fault.message }];
}

/** The problem document of a fault. */
export function problemOf(
  fault: Fault,
  at: { readonly path: string; readonly trace: string; readonly status?: number },
): Problem {
  const errors = violationsOf(fault);
  return {
    type: `/problems/${fault.reason}`,
    title: titles[fault.code],
    status: at.status ?? statusOf(fault),
    detail: fault.message,
    instance: at.path,
    code: fault.reason,
    category: fault.code,
    trace_id: at.trace,
    retryable: fault.retryable,
    ...(errors === undefined ? {} : { errors }),
    ...(Object.keys(fault.detail).length > 0 ? { facts: { ...fault.detail } } : {}),
  };
}
