/** Judges what a trigger would ask for, as a run request is judged. */

import type { Role } from '@sallyport/contracts/schedule/v1/schedule';
import type { RunTemplate } from '@sallyport/contracts/schedule/v1/trigger';
import { type Mount } from '@sallyport/contracts/unit/v1/unit';
import { Fault } from '@sallyport/core/fault';
import { requestOf } from '../firings/compose-firing.ts';
import { unitFor } from '../runs/compose-unit.ts';
import { checkRequest } from '../runs/validate-run.ts';

const nobody = { run: '', task: '', org: '', environment: '', subject: '' };

/** Rules that need no role. `pointer` is where the template stands in the request. */
export function checkTemplate(template: RunTemplate, pointer: string): void {
  below(pointer, () => checkRequest(requestOf(template)));
}

/** Rules of template and role together; answers every mount that its runs would have. */
export function checkWithRole(template: RunTemplate, role: Role | undefined, pointer: string): readonly Mount[] {
  return below(pointer, () => unitFor(requestOf(template), role, nobody).mounts);
}

/** Faults point into the template; the caller's request holds it deeper down. */
function below<T>(pointer: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof Fault) || error.detail['pointer'] === undefined) throw error;
    const detail = { ...error.detail, pointer: `${pointer}${error.detail['pointer']}` };
    throw new Fault(error.code, error.reason, error.message, detail);
  }
}
