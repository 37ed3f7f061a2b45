/** The scheduler as the API sees it: runs with stored output, told of on the bus. */

import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Bus } from '@sallyport/bus/connection';
import { publish } from '@sallyport/bus/events';
import { runEvent, unitOut } from '@sallyport/bus/subject';
import {
  type Role,
  type Run,
  RunEventSchema,
  RunSchema,
  RunState,
  ScheduleService,
} from '@sallyport/contracts/schedule/v1/schedule';
import { type UnitEvent, UnitEventSchema } from '@sallyport/contracts/unit/v1/event';
import { canonicalHash } from '@sallyport/core/canonical';
import { Fault } from '@sallyport/core/fault';
import { newId } from '@sallyport/core/ids';
import { demand, FakeService, refused } from './fake-service.ts';

type Body = NonNullable<MessageInitShape<typeof UnitEventSchema>['body']>;

export class FakeScheduler {
  readonly runs = new Map<string, Run>();
  readonly output = new Map<string, UnitEvent[]>();
  readonly roles = new Map<string, Role>();
  readonly keys = new Map<string, { readonly print: string; readonly run: string }>();
  /** Whether output reaches history at once, or only the bus. */
  stores = true;
  /** How many of the next reads of the list are refused for their token. */
  refusals = 0;
  /** Whether every read of a run is refused for its token, as after a revocation. */
  lockedOut = false;
  service!: FakeService<typeof ScheduleService>;
  private runtime!: Bus;
  private own!: Bus;

  async serve(bus: Bus, runtime: Bus): Promise<this> {
    this.own = bus;
    this.runtime = runtime;
    this.service = await FakeService.serve(bus, ScheduleService, {
      createRun: async (request, call) => {
        const { org } = demand(call, 'scheduler');
        const print = canonicalHash([request.role, request.runner, request.argv, request.start?.start.value ?? '']);
        const known = this.keys.get(request.idempotencyKey);
        if (known !== undefined && known.print !== print)
          throw new Fault('already_exists', 'scheduler.idempotency_mismatch', 'other content');
        if (known !== undefined) return { run: this.get(org, known.run), replayed: true };
        if (request.role === 'nobody')
          throw new Fault('not_found', 'scheduler.role_not_found', 'there is no role nobody', { role: 'nobody' });
        const run = this.accept(org, {
          role: request.role,
          runner: request.runner === '' ? 'native' : request.runner,
          mounts: request.mounts,
        });
        if (request.idempotencyKey !== '') this.keys.set(request.idempotencyKey, { print, run: run.id });
        this.onAccept(run);
        return { run };
      },
      getRun: async ({ id }, call) => {
        if (this.lockedOut) throw refused();
        return { run: this.get(demand(call, 'scheduler').org, id) };
      },
      listRuns: async (request, call) => {
        if (this.refusals-- > 0) throw refused();
        const { org } = demand(call, 'scheduler');
        const all = [...this.runs.values()].filter(
          (run) => run.org === org && (request.states.length === 0 || request.states.includes(run.state)),
        );
        const from = request.pageToken === '' ? 0 : Number(request.pageToken);
        const next = from + request.pageSize;
        return { runs: all.slice(from, next), nextPageToken: next < all.length ? String(next) : '' };
      },
      cancelRun: async ({ id }, call) => {
        const run = this.get(demand(call, 'scheduler').org, id);
        if (isOver(run))
          throw new Fault('failed_precondition', 'scheduler.run_ended', `run ${id} is over`, {
            run: id,
            state: 'completed',
            allowed: '',
          });
        this.end(id, RunState.CANCELLED);
        return { run: this.get(run.org, id) };
      },
      listOutput: async ({ run, afterSeq, pageSize }, call) => {
        const found = this.get(demand(call, 'scheduler').org, run);
        const all = this.output.get(run) ?? [];
        const events = fitting(all.filter((event) => event.seq > afterSeq).slice(0, pageSize === 0 ? 200 : pageSize));
        const end = isOver(found) && (events.at(-1)?.seq ?? afterSeq) >= (all.at(-1)?.seq ?? 0n);
        return { events, end };
      },
      applyRole: async ({ role, ifVersion }, call) => {
        demand(call, 'scheduler');
        const name = role?.name ?? '';
        const current = this.roles.get(name)?.version ?? 0n;
        if (ifVersion !== 0n && ifVersion !== current)
          throw new Fault('failed_precondition', 'scheduler.role_changed', 'changed', { version: String(current) });
        const stored = { ...(role as Role), version: current + 1n };
        this.roles.set(name, stored);
        return { role: stored };
      },
      getRole: async ({ name }, call) => {
        demand(call, 'scheduler');
        const role = this.roles.get(name);
        if (role === undefined)
          throw new Fault('not_found', 'scheduler.role_not_found', `no role ${name}`, { role: name });
        return { role };
      },
      listRoles: async (_, call) => {
        demand(call, 'scheduler');
        return { roles: [...this.roles.values()] };
      },
    });
    return this;
  }

  /** Called with every accepted run; a suite makes it play a life. */
  onAccept: (run: Run) => void = () => undefined;

  accept(org: string, init: MessageInitShape<typeof RunSchema> = {}): Run {
    const now = Date.now();
    const id = newId('run', now);
    const run = create(RunSchema, {
      id,
      org,
      environment: 'main',
      subject: 'usr_ada',
      state: RunState.RUNNING,
      reason: 'running',
      dispatch: newId('dispatch', now),
      since: timestampFromMs(now),
      createdAt: timestampFromMs(now),
      ...init,
    } as MessageInitShape<typeof RunSchema>);
    this.runs.set(id, run);
    this.output.set(id, []);
    return run;
  }

  /** The dispatch says something: stored, and told on the bus. */
  say(run: string, body: Body, how: { readonly publish?: boolean; readonly offset?: bigint } = {}): UnitEvent {
    const found = this.runs.get(run) as Run;
    const stored = this.output.get(run) as UnitEvent[];
    const seq = BigInt(stored.length + 1);
    const at = Date.now();
    const event = create(UnitEventSchema, {
      id: newId('event', at),
      org: found.org,
      run,
      dispatch: found.dispatch,
      seq,
      at: timestampFromMs(at),
      body,
    });
    if (this.stores) stored.push(event);
    if (how.publish !== false) {
      const told = { ...event, seq: seq - (how.offset ?? 0n) };
      publish(this.runtime, unitOut(found.org, found.dispatch), UnitEventSchema, told);
    }
    return event;
  }

  end(id: string, state: RunState, init: MessageInitShape<typeof RunSchema> = {}): void {
    const now = timestampFromMs(Date.now());
    const run = create(RunSchema, {
      ...this.runs.get(id),
      state,
      reason: 'ended',
      since: now,
      endedAt: now,
      ...init,
    } as MessageInitShape<typeof RunSchema>);
    this.runs.set(id, run);
    publish(
      this.own,
      runEvent(run.org, id),
      RunEventSchema,
      create(RunEventSchema, { id: newId('event', Date.now()), seq: 2n, at: now, run }),
    );
  }

  private get(org: string, id: string): Run {
    const run = this.runs.get(id);
    if (run === undefined || run.org !== org)
      throw new Fault('not_found', 'scheduler.run_not_found', 'there is no such run', { run: id });
    return run;
  }
}

const over: readonly RunState[] = [RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED];
const isOver = (run: Run): boolean => over.includes(run.state);

/** As many events as a reply can carry. */
function fitting(events: readonly UnitEvent[]): UnitEvent[] {
  let bytes = 0;
  const over = events.findIndex((event) => (bytes += toBinary(UnitEventSchema, event).length) > 768 * 1024);
  return over < 0 ? [...events] : events.slice(0, Math.max(1, over));
}
