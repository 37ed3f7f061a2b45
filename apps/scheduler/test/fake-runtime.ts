/** Stands for an edge: journals workloads, answers for them, and reports what a test lets happen. */

import { create, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { busClient } from '@sallyport/bus/client';
import type { Bus } from '@sallyport/bus/connection';
import type { BusClient } from '@sallyport/bus/handlers';
import {
  RuntimeService,
  StopReason,
  type Workload,
  WorkloadSchema,
  WorkloadState,
} from '@sallyport/contracts/runtime/v1/runtime';
import { type RegisterEdgeRequestSchema, ScheduleService } from '@sallyport/contracts/schedule/v1/schedule';
import { Verdict } from '@sallyport/contracts/unit/v1/event';
import { type Unit, UnitSchema } from '@sallyport/contracts/unit/v1/unit';
import { canonicalHash } from '@sallyport/core/canonical';
import { Fault } from '@sallyport/core/fault';
import { fakePeer } from '@sallyport/testkit/fake-peer';
import type { FakeIntent } from './fake-identity.ts';

const notFound = (id: string): Fault => new Fault('not_found', 'runtime.workload_not_found', `no workload ${id}`);

export class FakeRuntime {
  readonly edge: string;
  readonly workloads = new Map<string, Workload>();
  readonly units = new Map<string, Unit>();
  /** Every start, in order; the same id twice would be a double start. */
  readonly starts: string[] = [];
  readonly stops: string[] = [];
  readonly looks: string[] = [];
  scheduler!: BusClient<typeof ScheduleService>;
  /** Answers offers with this instead of taking them. */
  refuse: Fault | undefined;
  /** Takes offers but loses the answer. */
  mute = false;
  /** What happens once a workload is taken. */
  onStart: (id: string) => Promise<void> = () => Promise.resolve();
  /** Called before a step takes effect. */
  readonly before: {
    take?: () => Promise<void>;
    answer?: () => Promise<void>;
    starting?: () => Promise<void>;
    stopped?: () => Promise<void>;
    stop?: () => Promise<void>;
  } = {};
  #seq = new Map<string, number>();
  #bus: Bus | undefined;
  #beat: NodeJS.Timeout | undefined;

  constructor(edge = 'local') {
    this.edge = edge;
  }

  async serve(bus: Bus, client = busClient): Promise<void> {
    this.#bus = bus;
    this.scheduler = client(bus, 'scheduler', ScheduleService);
    await fakePeer(bus, RuntimeService, {
      createWorkload: async ({ unit }, call) => {
        await this.before.take?.();
        if (this.refuse !== undefined) throw this.refuse;
        if (unit === undefined) throw new Fault('invalid_argument', 'runtime.unit', 'no unit');
        const workload = this.#take(unit, JSON.parse(call.token ?? '{}') as FakeIntent);
        await this.before.answer?.();
        if (this.mute) return new Promise<never>(() => undefined);
        return { workload };
      },
      getWorkload: async ({ id }) => {
        this.looks.push(id);
        const workload = this.workloads.get(id);
        if (workload === undefined) throw notFound(id);
        return { workload };
      },
      stopWorkload: async ({ id }) => {
        this.stops.push(id);
        await this.before.stop?.();
        const workload = this.workloads.get(id);
        if (workload === undefined) throw notFound(id);
        if (workload.state < WorkloadState.STOPPING) void this.end(id, StopReason.STOPPED);
        return { workload };
      },
    });
  }

  /** Registers and heartbeats from then on. */
  async register(capacity = 64, offer: MessageInitShape<typeof RegisterEdgeRequestSchema> = {}): Promise<void> {
    await this.scheduler.registerEdge({
      edge: this.edge,
      runners: ['native', 'exec'],
      profiles: ['default', 'small'],
      capacity,
      ...offer,
    });
    this.#beat ??= setInterval(() => void this.heartbeat().catch(() => undefined), 300);
  }

  /** No heartbeat, no answer. */
  async vanish(): Promise<void> {
    this.silence();
    await this.#bus?.close();
  }

  silence(): void {
    clearInterval(this.#beat);
    this.#beat = undefined;
  }

  heartbeat(): Promise<unknown> {
    const live = [...this.workloads.values()].filter((workload) => workload.state < WorkloadState.STOPPED);
    return this.scheduler.heartbeatEdge({
      edge: this.edge,
      held: live.map((workload) => ({ dispatch: workload.id, epoch: workload.epoch })),
    });
  }

  async report(
    id: string,
    state: WorkloadState,
    change: Partial<Workload> = {},
    closing: { verdict?: Verdict; reply?: string; commit?: string } = {},
  ): Promise<void> {
    const before = this.workloads.get(id);
    if (before === undefined) throw notFound(id);
    const workload = { ...before, ...change, state };
    this.workloads.set(id, workload);
    const seq = (this.#seq.get(id) ?? 0) + 1;
    this.#seq.set(id, seq);
    await this.#tell({
      edge: this.edge,
      event: { id: `evt_${id}_${seq}`, seq: BigInt(seq), at: timestampFromMs(Date.now()), workload },
      ...(closing.verdict === undefined
        ? {}
        : { result: { verdict: closing.verdict, reply: closing.reply ?? '', exitCode: 0 } }),
      commits:
        closing.commit === undefined ? [] : [{ workspace: 'demo', commit: closing.commit, files: 1, refused: {} }],
    });
  }

  /** Until it is taken, as an edge does from its journal. */
  async #tell(request: Parameters<BusClient<typeof ScheduleService>['reportWorkload']>[0]): Promise<void> {
    while (this.#bus?.nats.isClosed() === false) {
      try {
        await this.scheduler.reportWorkload(request, { timeoutMs: 1_000 });
        return;
      } catch (error) {
        if (!Fault.from(error).retryable) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  end(
    id: string,
    stopReason: StopReason,
    closing: { verdict?: Verdict; reply?: string; commit?: string; exitCode?: number } = {},
  ): Promise<void> {
    return this.report(
      id,
      WorkloadState.STOPPED,
      { stopReason, ...(closing.exitCode === undefined ? {} : { exitCode: closing.exitCode }) },
      closing,
    );
  }

  /** Starting, running, completed. */
  async runThrough(id: string): Promise<void> {
    await this.before.starting?.();
    await this.report(id, WorkloadState.STARTING);
    await this.report(id, WorkloadState.RUNNING);
    await this.before.stopped?.();
    await this.end(id, StopReason.COMPLETED, {
      verdict: Verdict.SUCCEEDED,
      reply: 'done',
      commit: 'c'.repeat(40),
      exitCode: 0,
    });
  }

  #take(unit: Unit, intent: FakeIntent): Workload {
    const live = this.workloads.get(unit.dispatch);
    if (live !== undefined) return live;
    if (
      intent.dispatch !== unit.dispatch ||
      intent.edge !== this.edge ||
      intent.hash !== canonicalHash(toJson(UnitSchema, unit))
    ) {
      throw new Fault('permission_denied', 'runtime.intent_mismatch', 'the intent is for something else');
    }
    const workload = create(WorkloadSchema, {
      id: unit.dispatch,
      org: unit.identity?.org ?? '',
      run: unit.run,
      owner: unit.identity?.subject ?? '',
      profile: unit.profile,
      state: WorkloadState.STARTING,
      epoch: BigInt(intent.epoch),
    });
    this.workloads.set(unit.dispatch, workload);
    this.units.set(unit.dispatch, unit);
    this.starts.push(unit.dispatch);
    void this.onStart(unit.dispatch).catch(() => undefined);
    return workload;
  }
}
