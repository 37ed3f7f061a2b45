/** Content that leaves by a person's session is recorded before it does. */

import { Injectable } from '@nestjs/common';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { auditRow } from '@sallyport/service/audit';
import { enqueue } from '@sallyport/store/outbox';
import { Store } from '@sallyport/store/store';

@Injectable()
export class ReadAudit {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  async record(session: SessionClaims, workspace: string, what: string): Promise<void> {
    const { org, env, sub } = session;
    const resource = `workspace/${workspace}`;
    const event = {
      kind: 'workspace.read',
      org,
      environment: env,
      subject: sub,
      actors: [sub],
      resource,
      outcome: 'allow',
      facts: { what },
    } as const;
    await this.store.tx(org, (db) => enqueue(db, [auditRow(event, this.clock)]));
  }
}
