/** Who may call the runtime, row by row. The scheduler places and ends work; the operator may look and end. */

import type { RuntimeService } from '@sallyport/contracts/runtime/v1/runtime';
import type { AccessTable } from '@sallyport/core/access';

export const runtimeAccess: AccessTable<typeof RuntimeService> = {
  createWorkload: { callers: ['scheduler'], token: 'intent' },
  getWorkload: { callers: ['scheduler', 'operator'], token: 'none' },
  listWorkloads: { callers: ['scheduler', 'operator'], token: 'none' },
  touchWorkload: { callers: ['scheduler', 'operator'], token: 'none' },
  stopWorkload: { callers: ['scheduler', 'operator'], token: 'none' },
  destroyWorkload: { callers: ['scheduler', 'operator'], token: 'none' },
};
