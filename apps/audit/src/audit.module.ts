/** All wiring of audit. */

import { Module } from '@nestjs/common';
import { AppendEvents } from './events/append-events.ts';
import { Exports } from './exports/exports.ts';
import { Logs } from './log/logs.ts';
import { GetCheckpoint } from './reads/get-checkpoint.ts';
import { QueryEvents } from './reads/query-events.ts';
import { AuditRpc } from './rpc/audit.rpc.ts';

@Module({
  controllers: [AuditRpc],
  providers: [Logs, AppendEvents, QueryEvents, GetCheckpoint, Exports],
})
export class AuditModule {}
