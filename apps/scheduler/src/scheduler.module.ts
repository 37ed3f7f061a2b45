/** All wiring of the scheduler. */

import { Module } from '@nestjs/common';
import { AfterworkStore } from './afterwork/afterwork.store.ts';
import { AfterworkRunner } from './afterwork/afterwork.ts';
import { AttendDispatch } from './dispatches/attend-dispatch.ts';
import { DispatchStore } from './dispatches/dispatch.store.ts';
import { EdgeSight } from './dispatches/edge-sight.ts';
import { OfferDispatch } from './dispatches/offer-dispatch.ts';
import { ReportWorkload } from './dispatches/report-workload.ts';
import { Sweeper } from './dispatches/sweeper.ts';
import { EdgeStore } from './edges/edge.store.ts';
import { HeartbeatEdge } from './edges/heartbeat-edge.ts';
import { RegisterEdge } from './edges/register-edge.ts';
import { AppendOutput } from './output/append-output.ts';
import { ListOutput } from './output/list-output.ts';
import { OutputStore } from './output/output.store.ts';
import { Peers } from './peers.ts';
import { ApplyRole } from './roles/apply-role.ts';
import { RoleStore } from './roles/role.store.ts';
import { ScheduleRpc } from './rpc/schedule.rpc.ts';
import { CancelRun } from './runs/cancel-run.ts';
import { CreateRun } from './runs/create-run.ts';
import { EndRun } from './runs/end-run.ts';
import { IdempotencyStore } from './runs/idempotency.store.ts';
import { ListRuns } from './runs/list-runs.ts';
import { RunStore } from './runs/run.store.ts';
import { Wake } from './wake.ts';

@Module({
  controllers: [ScheduleRpc],
  providers: [
    Peers,
    Wake,
    RoleStore,
    RunStore,
    DispatchStore,
    EdgeStore,
    IdempotencyStore,
    OutputStore,
    AfterworkStore,
    AfterworkRunner,
    ApplyRole,
    CreateRun,
    CancelRun,
    EndRun,
    ListRuns,
    EdgeSight,
    OfferDispatch,
    AttendDispatch,
    Sweeper,
    ReportWorkload,
    RegisterEdge,
    HeartbeatEdge,
    AppendOutput,
    ListOutput,
  ],
})
export class SchedulerModule {}
