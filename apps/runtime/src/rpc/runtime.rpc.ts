/** Decode, call, encode. Every rule is in the use case. */

import { BusController } from '@sallyport/bus/controller';
import type { Handlers } from '@sallyport/bus/handlers';
import {
  type CreateWorkloadRequest,
  type DestroyWorkloadRequest,
  type GetWorkloadRequest,
  type ListWorkloadsRequest,
  RuntimeService,
  type StopWorkloadRequest,
  type TouchWorkloadRequest,
} from '@sallyport/contracts/runtime/v1/runtime';
import { intentOf } from '@sallyport/core/call';
import type { Call } from '@sallyport/core/gate';
import { runtimeAccess } from '../access.ts';
import { malformedUnit } from '../faults.ts';
import { CreateWorkload } from '../workloads/create-workload.ts';
import { pageOf } from '../workloads/list-workloads.ts';
import { ReclaimWorkload } from '../workloads/reclaim-workload.ts';
import { StopWorkload } from '../workloads/stop-workload.ts';
import { toWire } from '../workloads/workload.ts';
import { WorkloadBook } from '../workloads/workload-book.ts';

@BusController(RuntimeService, runtimeAccess)
export class RuntimeRpc implements Handlers<typeof RuntimeService> {
  constructor(
    private readonly book: WorkloadBook,
    private readonly create: CreateWorkload,
    private readonly stop: StopWorkload,
    private readonly reclaim: ReclaimWorkload,
  ) {}

  async createWorkload({ unit }: CreateWorkloadRequest, call: Call) {
    if (unit === undefined) throw malformedUnit('unit', 'is missing');
    return { workload: toWire(await this.create.execute(unit, intentOf(call), call.token ?? '')) };
  }

  async getWorkload({ id }: GetWorkloadRequest) {
    return { workload: toWire(this.book.get(id)) };
  }

  async listWorkloads(request: ListWorkloadsRequest) {
    const { records, next } = pageOf(this.book.all(), request);
    return { workloads: records.map(toWire), nextPageToken: next };
  }

  async touchWorkload({ id }: TouchWorkloadRequest) {
    const record = this.book.get(id);
    this.book.live(id)?.touch();
    return { workload: toWire(record) };
  }

  async stopWorkload({ id, why }: StopWorkloadRequest) {
    return { workload: await this.stop.execute(id, why) };
  }

  async destroyWorkload({ id }: DestroyWorkloadRequest) {
    return { workload: toWire(await this.reclaim.execute(id)) };
  }
}
