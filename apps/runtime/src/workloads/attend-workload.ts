/** Opens what a workload needs of this process: its output, its token, its tether. For a start and for an adoption alike. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { busClient } from '@sallyport/bus/client';
import { Bus } from '@sallyport/bus/connection';
import { publish } from '@sallyport/bus/events';
import type { BusClient } from '@sallyport/bus/handlers';
import { unitOut } from '@sallyport/bus/subject';
import { tellUnit } from '@sallyport/bus/team-events';
import { ScheduleService } from '@sallyport/contracts/schedule/v1/schedule';
import { type UnitEvent, UnitEventSchema } from '@sallyport/contracts/unit/v1/event';
import { Clock } from '@sallyport/core/clock';
import { AuditClient } from '@sallyport/service/audit';
import { Log } from '@sallyport/service/log';
import { ProofKey } from '@sallyport/trust/proof';
import type { Backend } from '../backends/backend.ts';

import { unknownProfile } from '../faults.ts';
import { InputLog } from '../inputs/input-log.ts';
import { ReceiveInputs } from '../inputs/receive-inputs.ts';
import { OutputLog } from '../output/output-log.ts';
import { OutputSender } from '../output/output-sender.ts';
import { BACKEND, EGRESS_SOCKET } from '../parts.ts';
import { profiles, resolveLimits } from '../profiles/profiles.ts';
import { auditFacts } from '../reports/transition-event.ts';
import { openTunnel } from '../tether/egress-tunnel.ts';
import { TetherCalls } from '../tether/tether-calls.ts';
import { TetherServer } from '../tether/tether-server.ts';
import { DispatchAccess } from '../tokens/dispatch-access.ts';
import { Journal } from './journal.ts';
import { LiveWorkload } from './live-workload.ts';
import { isLive, orgOf, type WorkloadRecord } from './workload.ts';
import { WorkloadBook } from './workload-book.ts';

@Injectable()
export class AttendWorkload {
  readonly #scheduler: BusClient<typeof ScheduleService>;

  constructor(
    private readonly book: WorkloadBook,
    private readonly journal: Journal,
    private readonly calls: TetherCalls,
    private readonly inputs: ReceiveInputs,
    private readonly audit: AuditClient,
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(BACKEND) private readonly backend: Backend,
    @Inject(EGRESS_SOCKET) private readonly egressSocket: string,
  ) {
    this.#scheduler = busClient(bus, 'scheduler', ScheduleService);
  }

  /** Opens the streams; the tether is listened on by `openTether`. */
  async open(record: WorkloadRecord): Promise<LiveWorkload> {
    const { id, unit } = record;
    const profile = profiles.get(unit.profile);
    if (profile === undefined) throw unknownProfile(unit.profile);
    const limits = resolveLimits(profile, unit.limits);
    const org = orgOf(record);
    const subject = unitOut(org, id);
    const output = new OutputLog({
      path: join(this.journal.directoryOf(id), 'output.log'),
      org,
      run: unit.run,
      dispatch: id,
      limitBytes: limits.outputBytes,
      clock: this.clock,
      publish: (event) => this.#tell(subject, unit.identity?.environment ?? '', event),
    });
    const access = new DispatchAccess(await ProofKey.import(record.proofKey), this.clock);
    if (record.token !== undefined) access.grant(record.token);
    const append = async (events: Parameters<BusClient<typeof ScheduleService>['appendOutput']>[0]['events']) => {
      await access.granted;
      await this.#scheduler.appendOutput({ ...(events && { events }) }, access.call());
    };
    const sender = new OutputSender({
      dispatch: id,
      output,
      append: (events) => append([...events]),
      log: this.log,
    });
    const inputs = new InputLog(join(this.journal.directoryOf(id), 'inputs.jsonl'));
    const live = new LiveWorkload({ record, profile, limits, output, sender, inputs, access, clock: this.clock });
    // A workload may end before anybody asked for its work.
    live.work.promise.catch(() => undefined);
    if (isLive(record.state)) live.deaf = this.inputs.open(live);
    this.book.attend(live);
    return live;
  }

  /** Begins to answer the sandbox. */
  async openTether(live: LiveWorkload): Promise<void> {
    const { id } = live.record;
    const directory = this.tetherDirectory(id);
    await mkdir(directory, { recursive: true, mode: 0o711 });
    let malformed = 0;
    const tether = new TetherServer({
      directory,
      uid: await this.backend.reserve(id, live.profile),
      calls: this.calls.of(live),
      tunnel: (target, socket, head) => {
        live.touch();
        openTunnel(target, socket, head, {
          egressSocket: this.egressSocket,
          access: live.access,
          signal: live.gone.signal,
        });
      },
      onMalformed: (what) => {
        malformed += 1;
        if (malformed === 1) this.#tellMalformed(live.record, what);
      },
    });
    live.tether = tether;
    await tether.listen();
  }

  directoryOf(id: string): string {
    return this.journal.directoryOf(id);
  }

  tetherDirectory(id: string): string {
    return join(this.journal.directoryOf(id), 'tether');
  }

  mountDirectory(id: string, workspace: string): string {
    return join(this.journal.directoryOf(id), 'mounts', workspace);
  }

  /** Live readers may miss an event; what is on its way to them must not stop what happens here. */
  #tell(subject: string, environment: string, event: UnitEvent): void {
    try {
      publish(this.bus, subject, UnitEventSchema, event);
      tellUnit(this.bus, environment, event);
    } catch (error) {
      this.log.warn({ dispatch: event.dispatch, seq: String(event.seq), error }, 'an event was not published');
    }
  }

  /** One event a workload, however much it sends: a flood of rubbish is no flood of audit events. */
  #tellMalformed(record: WorkloadRecord, what: string): void {
    this.log.warn({ workload: record.id, what }, 'a sandbox sends what no supervisor sends');
    const reason = 'runtime.tether_malformed';
    const event = { ...auditFacts(record), kind: 'runtime.denied', outcome: 'deny', reason, facts: { what } } as const;
    this.audit
      .append([event])
      .catch((error: unknown) => this.log.warn({ error }, 'an audit event could not be recorded'));
  }
}
