/**
 * Brings an admitted workload up: sandbox, evidence, token, mounts, and only then the work.
 *
 * The sandbox is started at once, so that its own start-up runs beside attestation and mounts; until the work is handed over
 * it can reach nothing and has been told nothing. Whatever fails on the way ends the workload as `start_failed`.
 */

import { mkdir, rm } from 'node:fs/promises';
import { toJson } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { busClient } from '@sallyport/bus/client';
import { Bus } from '@sallyport/bus/connection';
import type { BusClient } from '@sallyport/bus/handlers';
import { IdentityService } from '@sallyport/contracts/identity/v1/identity';
import { type Evidence, EvidenceSchema } from '@sallyport/contracts/runtime/v1/evidence';
import { type Mount, MountMode } from '@sallyport/contracts/unit/v1/unit';
import { canonicalHash } from '@sallyport/core/canonical';
import { Clock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { AuditClient } from '@sallyport/service/audit';
import { Log } from '@sallyport/service/log';
import type { Backend, Handle } from '../backends/backend.ts';
import { Mounts } from '../mounts/mounts.ts';
import { workMicros } from '../output/output-log.ts';
import { BACKEND } from '../parts.ts';
import { auditFacts } from '../reports/transition-event.ts';
import { workOf } from '../tether/work-of.ts';
import { AttendWorkload } from './attend-workload.ts';
import type { LiveWorkload } from './live-workload.ts';
import { SettleWorkload } from './settle-workload.ts';
import { Transitions } from './transitions.ts';
import { orgOf } from './workload.ts';

/** Seconds the workload's own deadline lies beyond the one the reaper holds it to. */
const deadlineMarginSeconds = 30;

const sandboxArgv = ['/opt/sallyport/node', '--no-warnings', '/opt/sallyport/agent.mjs'];
const sandboxEnv = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  HOME: '/tmp/home',
  LANG: 'C.UTF-8',
  TERM: 'dumb',
  USER: 'agent',
};

@Injectable()
export class LaunchWorkload {
  readonly #identity: BusClient<typeof IdentityService>;

  constructor(
    bus: Bus,
    private readonly attend: AttendWorkload,
    private readonly settle: SettleWorkload,
    private readonly transitions: Transitions,
    private readonly mounts: Mounts,
    private readonly audit: AuditClient,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(BACKEND) private readonly backend: Backend,
  ) {
    this.#identity = busClient(bus, 'identity', IdentityService);
  }

  /** Never throws: an end on the way is a transition. */
  async execute(live: LiveWorkload, intent: string): Promise<void> {
    try {
      const handle = await this.#startSandbox(live);
      this.settle.watch(live, handle);
      await this.#admit(live, handle, intent);
    } catch (thrown) {
      await this.#fail(live, Fault.from(thrown));
    }
  }

  async #startSandbox(live: LiveWorkload): Promise<Handle> {
    const { record, profile, limits } = live;
    const { id, unit } = record;
    const mounts = await Promise.all([
      this.attend.openTether(live),
      ...unit.mounts.map((mount) => mkdir(this.#directoryOf(id, mount), { recursive: true, mode: 0o700 })),
    ]).then(() => unit.mounts.map((mount) => this.#bindOf(id, mount)));
    live.ending.signal.throwIfAborted();
    const handle = await this.backend.start({
      id,
      directory: this.attend.directoryOf(id),
      tetherDirectory: this.attend.tetherDirectory(id),
      mounts,
      argv: sandboxArgv,
      env: sandboxEnv,
      profile,
      limits,
      deadlineSeconds: limits.lifetimeSeconds + deadlineMarginSeconds,
    });
    record.handle = handle;
    live.output.stage('sandbox', { backend: handle.backend, profile: profile.name });
    return handle;
  }

  async #admit(live: LiveWorkload, handle: Handle, intent: string): Promise<void> {
    const { record } = live;
    live.ending.signal.throwIfAborted();
    const journalled = this.transitions.save(record);
    const evidence = await this.backend.evidence(handle);
    await this.#exchange(live, evidence, intent);
    live.output.stage('attested', { evidence: (record.evidence ?? '').slice(0, 12) });
    live.sender.start();
    const begun = this.clock.monotonic();
    await this.#prepareMounts(live, handle);
    live.output.stage('mounted', {
      mounts: String(record.mounts.length),
      work_micros: workMicros(begun, this.clock.monotonic()),
    });
    await journalled;
    live.ending.signal.throwIfAborted();
    if (record.state !== 'starting') return;
    await this.transitions.move(record, 'ready', { why: 'ready: attested and mounted' });
    live.touch();
    live.output.stage('started');
    live.work.resolve(workOf(record.unit, live.limits.idleSeconds));
  }

  /** The intent token is burnt here: of any number of exchanges one answers, and it binds token, evidence and proof key. */
  async #exchange(live: LiveWorkload, evidence: Evidence, intent: string): Promise<void> {
    const { record, access } = live;
    const hash = canonicalHash(toJson(EvidenceSchema, evidence));
    record.evidence = hash;
    this.#tellEvidence(live, hash);
    const { token, expiresAt } = await this.#identity.exchangeIntent(
      { evidence, proofJwk: access.key.publicJwk },
      { token: intent, timeoutMs: 10_000 },
    );
    const now = this.clock.now();
    record.token = { raw: token, issuedAt: now, expiresAt: expiresAt === undefined ? now : timestampMs(expiresAt) };
    access.grant(record.token);
  }

  #tellEvidence(live: LiveWorkload, hash: string): void {
    const { record } = live;
    const hashes = { evidence: hash };
    this.audit
      .append([{ ...auditFacts(record), kind: 'attest.evidence', outcome: 'allow', hashes }])
      .catch((error: unknown) => this.log.warn({ workload: record.id, error }, 'evidence was not audited'));
  }

  async #prepareMounts(live: LiveWorkload, handle: Handle): Promise<void> {
    const { record, access } = live;
    const uid = handle.uid === process.getuid?.() ? {} : { uid: handle.uid };
    const prepared = await Promise.allSettled(
      record.unit.mounts.map(async (mount) => {
        const target = this.#directoryOf(record.id, mount);
        const done = await this.mounts.prepare({ access, org: orgOf(record), mount, target, ...uid });
        record.mounts.push(done);
      }),
    );
    const failed = prepared.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    await this.backend.holdDisk(handle);
  }

  async #fail(live: LiveWorkload, fault: Fault): Promise<void> {
    const { record } = live;
    live.work.reject(fault);
    if (fault.code === 'internal') this.log.error({ workload: record.id, error: fault }, 'a start failed');
    live.startFault ??= fault;
    if (record.handle !== undefined) {
      // Its watcher settles it once the substrate says that it is gone.
      live.down = Promise.all([live.down, this.#kill(record.handle)]).then(() => undefined);
      return;
    }
    await rm(this.attend.tetherDirectory(record.id), { recursive: true, force: true }).catch(() => undefined);
    await this.settle.settleUnstarted(live);
  }

  #kill(handle: Handle): Promise<void> {
    return this.backend.kill(handle).catch((error: unknown) => {
      this.log.error({ workload: handle.id, error }, 'a kill failed');
    });
  }

  #directoryOf = (id: string, { workspace }: Mount): string => this.attend.mountDirectory(id, workspace);

  #bindOf = (id: string, mount: Mount) => ({
    name: mount.workspace,
    source: this.#directoryOf(id, mount),
    mode: mount.mode === MountMode.RW ? ('rw' as const) : ('ro' as const),
  });
}
