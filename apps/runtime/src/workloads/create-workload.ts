/** Admits a unit: whose token, which attempt, is there room, is it in the audit log; then answers, and starts it. */

import { Injectable } from '@nestjs/common';
import type { Unit } from '@sallyport/contracts/unit/v1/unit';
import type { ActorClaim, IntentClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { AuditClient } from '@sallyport/service/audit';
import { Log } from '@sallyport/service/log';
import { ProofKey } from '@sallyport/trust/proof';
import { Backends } from '../backends/backends.ts';
import { EdgeName } from '../edge/edge-name.ts';
import { edgeClosing, staleEpoch, stoppedBeforeStart, superseded, unknownProfile } from '../faults.ts';
import { profiles, resolveLimits } from '../profiles/profiles.ts';
import { auditFacts } from '../reports/transition-event.ts';
import { AttendWorkload } from './attend-workload.ts';
import { checkIntent } from './check-intent.ts';
import { EndWorkload, leaseLost } from './end-workload.ts';
import { Journal } from './journal.ts';
import { WorkloadLocks } from './keyed-mutex.ts';
import { LaunchWorkload } from './launch-workload.ts';
import { ReclaimWorkload } from './reclaim-workload.ts';
import { Tombstones } from './tombstones.ts';
import { Transitions } from './transitions.ts';
import { isLive, type WorkloadRecord } from './workload.ts';
import { WorkloadBook } from './workload-book.ts';

@Injectable()
export class CreateWorkload {
  #closing = false;

  constructor(
    private readonly locks: WorkloadLocks,
    private readonly book: WorkloadBook,
    private readonly tombstones: Tombstones,
    private readonly journal: Journal,
    private readonly attend: AttendWorkload,
    private readonly launch: LaunchWorkload,
    private readonly end: EndWorkload,
    private readonly reclaim: ReclaimWorkload,
    private readonly transitions: Transitions,
    private readonly audit: AuditClient,
    private readonly backends: Backends,
    private readonly edge: EdgeName,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Takes no more work. */
  close(): void {
    this.#closing = true;
  }

  /** @throws Fault for every refusal of docs/faults/runtime.md; each but a full edge is one audit event. */
  async execute(unit: Unit, claims: IntentClaims, token: string): Promise<WorkloadRecord> {
    try {
      if (this.#closing) throw edgeClosing();
      checkIntent(unit, claims, this.edge.name);
      return await this.locks.run(unit.dispatch, () => this.#create(unit, claims, token));
    } catch (thrown) {
      const fault = Fault.from(thrown);
      if (!fault.retryable) this.#tellDenied(claims, fault);
      throw fault;
    }
  }

  async #create(unit: Unit, claims: IntentClaims, token: string): Promise<WorkloadRecord> {
    const { epoch } = claims.lease;
    const known = this.book.find(unit.dispatch);
    if (known !== undefined) {
      if (epoch < known.epoch) throw staleEpoch(known.id, known.epoch);
      if (epoch === known.epoch) return this.#touch(known);
      if (isLive(known.state)) {
        await this.end.execute(known.id, leaseLost);
        throw superseded(known.id);
      }
      await this.reclaim.execute(known.id);
    }
    if (this.tombstones.has(unit.dispatch)) throw stoppedBeforeStart(unit.dispatch);
    return this.#admit(await this.#recordOf(unit, epoch, known), claims, token);
  }

  /** The same attempt again: what there is is the answer, and nothing is started or charged. */
  #touch(known: WorkloadRecord): WorkloadRecord {
    this.book.live(known.id)?.touch();
    return known;
  }

  async #recordOf(unit: Unit, epoch: number, known: WorkloadRecord | undefined): Promise<WorkloadRecord> {
    const profile = profiles.get(unit.profile);
    if (profile === undefined) throw unknownProfile(unit.profile);
    resolveLimits(profile, unit.limits);
    const key = await ProofKey.generate();
    const now = this.clock.now();
    return {
      id: unit.dispatch,
      unit,
      epoch,
      state: 'starting',
      reason: 'admitted: the sandbox is being started',
      since: now,
      createdAt: now,
      startedAt: undefined,
      stoppedAt: undefined,
      stopReason: undefined,
      exitCode: undefined,
      seq: known?.seq ?? 0,
      ending: undefined,
      backend: this.backends.kindOf(profile),
      handle: undefined,
      evidence: undefined,
      proofKey: key.export(),
      token: undefined,
      mounts: [],
      result: undefined,
      commits: [],
      unsent: [...(known?.unsent ?? [])],
      logTail: '',
    };
  }

  /** Room is taken in one step; the intent and the journal are durable before anything starts. */
  async #admit(record: WorkloadRecord, claims: IntentClaims, token: string): Promise<WorkloadRecord> {
    this.book.admit(record);
    try {
      await this.transitions.begin(record, this.#tellIntent(record, claims));
      const live = await this.attend.open(record);
      live.output.stage('accepted', { edge: this.edge.name, epoch: String(record.epoch) });
      void this.launch.execute(live, token);
      return record;
    } catch (error) {
      this.book.forget(record.id);
      await this.journal
        .forget(record.id)
        .catch((cause: unknown) => this.log.error({ error: cause }, 'a journal is left over'));
      throw error;
    }
  }

  #tellIntent(record: WorkloadRecord, claims: IntentClaims): Promise<void> {
    const facts = { epoch: String(record.epoch), edge: this.edge.name, profile: record.unit.profile };
    const event = {
      kind: 'runtime.intent',
      outcome: 'allow',
      actors: actorsOf(claims.act),
      hashes: { envelope: claims.dsp.h },
      facts,
    } as const;
    return this.audit.append([{ ...auditFacts(record), ...event }]);
  }

  /** What the token says is true of it; the unit may be anything. */
  #tellDenied(claims: IntentClaims, { reason }: Fault): void {
    const { org, env, sub, txn, dsp } = claims;
    const of = { org, environment: env, subject: sub, run: txn, dispatch: dsp.id, resource: `workload/${dsp.id}` };
    this.audit
      .append([{ ...of, kind: 'runtime.denied', outcome: 'deny', reason }])
      .catch((error: unknown) => this.log.warn({ error }, 'a refusal was not audited'));
  }
}

/** Subjects of the actor chain, outermost first. */
function actorsOf(actor: ActorClaim | undefined): string[] {
  return actor === undefined ? [] : [actor.sub, ...actorsOf(actor.act)];
}
