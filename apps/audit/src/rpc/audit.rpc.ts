/** Decode, call, encode. Every rule is in the command. */

import { BusController } from '@sallyport/bus/controller';
import type { Handlers } from '@sallyport/bus/handlers';
import {
  type AppendRequest,
  AuditService,
  type GetCheckpointRequest,
  type OpenExportRequest,
  type QueryRequest,
  type ReadExportRequest,
} from '@sallyport/contracts/audit/v1/audit';
import { sessionOf } from '@sallyport/core/call';
import type { Call } from '@sallyport/core/gate';
import { auditAccess } from '../access.ts';
import { AppendEvents } from '../events/append-events.ts';
import { Exports } from '../exports/exports.ts';
import { GetCheckpoint } from '../reads/get-checkpoint.ts';
import { QueryEvents } from '../reads/query-events.ts';

@BusController(AuditService, auditAccess)
export class AuditRpc implements Handlers<typeof AuditService> {
  constructor(
    private readonly appendEvents: AppendEvents,
    private readonly queryEvents: QueryEvents,
    private readonly checkpoints: GetCheckpoint,
    private readonly exports: Exports,
  ) {}

  async append(request: AppendRequest, call: Call) {
    await this.appendEvents.execute(call.caller, request.events);
    return {};
  }

  async query(request: QueryRequest, call: Call) {
    return await this.queryEvents.execute(sessionOf(call), request);
  }

  async getCheckpoint(request: GetCheckpointRequest, call: Call) {
    return await this.checkpoints.execute(sessionOf(call).org, request.minSize, call.deadline);
  }

  async openExport(_request: OpenExportRequest, call: Call) {
    return { export: await this.exports.open(sessionOf(call)) };
  }

  async readExport(request: ReadExportRequest, call: Call) {
    return await this.exports.read(sessionOf(call).org, request.export);
  }
}
