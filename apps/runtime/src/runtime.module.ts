/** All wiring of the runtime. */

import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { Bus } from '@sallyport/bus/connection';
import { Clock } from '@sallyport/core/clock';
import { Log } from '@sallyport/service/log';
import { CONFIG } from '@sallyport/service/platform';
import { Backends } from './backends/backends.ts';
import { DockerBackend } from './backends/docker/docker-backend.ts';
import { ProcessBackend } from './backends/process/process-backend.ts';
import { UidSlots } from './backends/process/uid-slots.ts';
import type { RuntimeEnv } from './config.ts';
import { EdgeLife } from './edge/edge-life.ts';
import { EdgeName } from './edge/edge-name.ts';
import { EdgeCapacity, HoldLeases } from './edge/hold-leases.ts';
import { ReceiveInputs } from './inputs/receive-inputs.ts';
import { Mounts } from './mounts/mounts.ts';
import { MirrorDecisions } from './output/mirror-decisions.ts';
import { BACKEND, EGRESS_SOCKET, GRACE_MS, RETENTION_MS } from './parts.ts';
import { Courier } from './reports/courier.ts';
import { RuntimeRpc } from './rpc/runtime.rpc.ts';
import { Runners } from './runners/runners.ts';
import { TetherCalls } from './tether/tether-calls.ts';
import { RenewDispatch } from './tokens/renew-dispatch.ts';
import { AdoptWorkloads } from './workloads/adopt-workloads.ts';
import { AttendWorkload } from './workloads/attend-workload.ts';
import { CreateWorkload } from './workloads/create-workload.ts';
import { EndWorkload } from './workloads/end-workload.ts';
import { Journal } from './workloads/journal.ts';
import { KeepWorkloads } from './workloads/keep-workloads.ts';
import { WorkloadLocks } from './workloads/keyed-mutex.ts';
import { LaunchWorkload } from './workloads/launch-workload.ts';
import { ReclaimWorkload } from './workloads/reclaim-workload.ts';
import { SettleWorkload } from './workloads/settle-workload.ts';
import { StopWorkload } from './workloads/stop-workload.ts';
import { Tombstones } from './workloads/tombstones.ts';
import { Transitions } from './workloads/transitions.ts';
import { WorkloadBook } from './workloads/workload-book.ts';

/** One install is one folder: sandboxes of another folder's runtime are none of ours. */
const labelOf = (directory: string): string => createHash('sha256').update(directory).digest('hex').slice(0, 12);

function backendsOf(env: RuntimeEnv, clock: Clock, log: Log): Backends {
  const { SALLY_RUNTIME_DIR: directory, SALLY_NODE: node, SALLY_AGENT_BUNDLE: agent } = env;
  const { SALLY_RUNNERS_DIR: runners, SALLY_BACKEND: usual, SALLY_DOCKER_HOST: host, SALLY_DOCKER_IMAGE: image } = env;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (runners !== undefined) mkdirSync(runners, { recursive: true, mode: 0o755 });
  const label = labelOf(directory);
  const same = { label, directory, node, agent, clock, slots: UidSlots.ofInstall(label), ...(runners && { runners }) };
  const process = new ProcessBackend(same);
  const docker = new DockerBackend({ ...same, host, ...(image !== undefined && { image }) });
  return new Backends({ process, docker, usual, log });
}

/** Docker counts where its image is named: without one it starts nothing. */
const runnersOf = ({ SALLY_RUNNERS_DIR: prefix, SALLY_DOCKER_IMAGE: image }: RuntimeEnv): Runners =>
  new Runners(prefix, image === undefined ? ['process'] : ['process', 'docker']);

function mountsOf(env: RuntimeEnv, bus: Bus, clock: Clock, log: Log): Mounts {
  const directory = join(env.SALLY_RUNTIME_DIR, 'cache');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return new Mounts({ bus, directory, clock, log });
}

@Module({
  controllers: [RuntimeRpc],
  providers: [
    { provide: Backends, useFactory: backendsOf, inject: [CONFIG, Clock, Log] },
    { provide: BACKEND, useExisting: Backends },
    { provide: Mounts, useFactory: mountsOf, inject: [CONFIG, Bus, Clock, Log] },
    { provide: EGRESS_SOCKET, useFactory: (env: RuntimeEnv) => env.SALLY_EGRESS_SOCKET, inject: [CONFIG] },
    { provide: GRACE_MS, useFactory: (env: RuntimeEnv) => env.SALLY_RUNTIME_GRACE_SECONDS * 1000, inject: [CONFIG] },
    {
      provide: RETENTION_MS,
      useFactory: (env: RuntimeEnv) => env.SALLY_RUNTIME_RETENTION_SECONDS * 1000,
      inject: [CONFIG],
    },
    { provide: EdgeName, useFactory: (env: RuntimeEnv) => new EdgeName(env.SALLY_EDGE), inject: [CONFIG] },
    {
      provide: EdgeCapacity,
      useFactory: (env: RuntimeEnv) => new EdgeCapacity(env.SALLY_RUNTIME_CAPACITY),
      inject: [CONFIG],
    },
    { provide: Runners, useFactory: runnersOf, inject: [CONFIG] },
    {
      provide: WorkloadBook,
      useFactory: (env: RuntimeEnv) =>
        new WorkloadBook({ capacity: env.SALLY_RUNTIME_CAPACITY, ownerQuota: env.SALLY_RUNTIME_OWNER_QUOTA }),
      inject: [CONFIG],
    },
    {
      provide: Journal,
      useFactory: (env: RuntimeEnv, log: Log) => new Journal(env.SALLY_RUNTIME_DIR, log),
      inject: [CONFIG, Log],
    },
    AdoptWorkloads,
    AttendWorkload,
    Courier,
    CreateWorkload,
    EdgeLife,
    EndWorkload,
    HoldLeases,
    KeepWorkloads,
    LaunchWorkload,
    MirrorDecisions,
    ReceiveInputs,
    ReclaimWorkload,
    RenewDispatch,
    SettleWorkload,
    StopWorkload,
    TetherCalls,
    Tombstones,
    Transitions,
    WorkloadLocks,
  ],
})
export class RuntimeModule {}
