/** Decode, call, answer. Every line of policy is in the commands. */

import { BusController } from '@sallyport/bus/controller';
import type { Handlers } from '@sallyport/bus/handlers';
import {
  type AppendOutputRequest,
  type ApplyRoleRequest,
  type CancelRunRequest,
  type CreateRunRequest,
  type GetRoleRequest,
  type GetRunRequest,
  type HeartbeatEdgeRequest,
  type ListOutputRequest,
  type ListRolesRequest,
  type ListRunsRequest,
  type RegisterEdgeRequest,
  type ReportWorkloadRequest,
  ScheduleService,
  type SendInputRequest,
} from '@sallyport/contracts/schedule/v1/schedule';
import { dispatchOf, sessionOf } from '@sallyport/core/call';
import type { Call } from '@sallyport/core/gate';
import { Store } from '@sallyport/store/store';
import { scheduleAccess } from '../access.ts';
import { ReportWorkload } from '../dispatches/report-workload.ts';
import { HeartbeatEdge } from '../edges/heartbeat-edge.ts';
import { RegisterEdge } from '../edges/register-edge.ts';
import { roleNotFound } from '../faults.ts';
import { SendInput } from '../inputs/send-input.ts';
import { AppendOutput } from '../output/append-output.ts';
import { ListOutput } from '../output/list-output.ts';
import { ApplyRole } from '../roles/apply-role.ts';
import { RoleStore } from '../roles/role.store.ts';
import { ListRunners } from '../runners/list-runners.ts';
import { CancelRun } from '../runs/cancel-run.ts';
import { CreateRun } from '../runs/create-run.ts';
import { ListRuns } from '../runs/list-runs.ts';

@BusController(ScheduleService, scheduleAccess)
export class ScheduleRpc implements Handlers<typeof ScheduleService> {
  constructor(
    private readonly store: Store,
    private readonly roles: RoleStore,
    private readonly apply: ApplyRole,
    private readonly create: CreateRun,
    private readonly cancel: CancelRun,
    private readonly send: SendInput,
    private readonly runs: ListRuns,
    private readonly output: ListOutput,
    private readonly append: AppendOutput,
    private readonly register: RegisterEdge,
    private readonly heartbeat: HeartbeatEdge,
    private readonly report: ReportWorkload,
    private readonly runners: ListRunners,
  ) {}

  async applyRole(request: ApplyRoleRequest, call: Call) {
    return { role: await this.apply.execute(request, sessionOf(call)) };
  }

  async getRole({ name }: GetRoleRequest, call: Call) {
    const { org, env } = sessionOf(call);
    const role = await this.store.tx(org, (db) => this.roles.get(db, env, name));
    if (role === undefined) throw roleNotFound(name.slice(0, 64));
    return { role };
  }

  async listRoles(_request: ListRolesRequest, call: Call) {
    const { org, env } = sessionOf(call);
    return { roles: [...(await this.store.tx(org, (db) => this.roles.list(db, env)))] };
  }

  async createRun(request: CreateRunRequest, call: Call) {
    return this.create.execute(request, sessionOf(call), call.token ?? '');
  }

  async getRun({ id }: GetRunRequest, call: Call) {
    return { run: await this.runs.get(id, sessionOf(call)) };
  }

  async listRuns(request: ListRunsRequest, call: Call) {
    return this.runs.execute(request, sessionOf(call));
  }

  async cancelRun(request: CancelRunRequest, call: Call) {
    return { run: await this.cancel.execute(request, sessionOf(call)) };
  }

  async listOutput(request: ListOutputRequest, call: Call) {
    return this.output.execute(request, sessionOf(call));
  }

  async registerEdge(request: RegisterEdgeRequest) {
    return this.register.execute(request);
  }

  async heartbeatEdge(request: HeartbeatEdgeRequest) {
    return { lost: [...(await this.heartbeat.execute(request))] };
  }

  async reportWorkload(request: ReportWorkloadRequest) {
    await this.report.execute(request);
    return {};
  }

  async appendOutput({ events }: AppendOutputRequest, call: Call) {
    return { lastSeq: await this.append.execute(events, dispatchOf(call)) };
  }

  async sendInput(request: SendInputRequest, call: Call) {
    return this.send.execute(request, sessionOf(call));
  }

  async listRunners() {
    return { runners: [...(await this.runners.execute())] };
  }
}
