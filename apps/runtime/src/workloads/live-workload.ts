/** What of a workload lives only in this process, beside its record: streams, token, tether, and the hands on its clocks. */

import type { AwaitWorkResponse } from '@sallyport/contracts/runner/v1/tether';
import type { Clock } from '@sallyport/core/clock';
import type { Fault } from '@sallyport/core/fault';
import type { InputLog } from '../inputs/input-log.ts';
import type { OutputLog } from '../output/output-log.ts';
import type { OutputSender } from '../output/output-sender.ts';
import type { Profile, ResolvedLimits } from '../profiles/profiles.ts';
import type { TetherServer } from '../tether/tether-server.ts';
import type { DispatchAccess } from '../tokens/dispatch-access.ts';
import type { WorkloadRecord } from './workload.ts';

/** Seconds beyond its idle limit that a dispatch which stays has to leave by itself, with its conversation on file. */
const stayMarginSeconds = 30;

export interface LiveParts {
  readonly record: WorkloadRecord;
  readonly profile: Profile;
  readonly limits: ResolvedLimits;
  readonly output: OutputLog;
  readonly sender: OutputSender;
  readonly inputs: InputLog;
  readonly access: DispatchAccess;
  readonly clock: Clock;
}

export class LiveWorkload {
  readonly record: WorkloadRecord;
  readonly profile: Profile;
  readonly limits: ResolvedLimits;
  readonly output: OutputLog;
  readonly sender: OutputSender;
  /** What it was told beyond its task. */
  readonly inputs: InputLog;
  readonly access: DispatchAccess;
  /** Resolves with the work once the workload is attested and its mounts are ready: what the supervisor waits for. */
  readonly work = Promise.withResolvers<AwaitWorkResponse>();
  /** Fires once somebody wants it to end. */
  readonly ending = new AbortController();
  /** Fires once nobody waits for its grace any more. */
  readonly killing = new AbortController();
  /** Fires once its process tree is gone. */
  readonly gone = new AbortController();
  /** Settles when nobody is killing it any more: what bears its id later is safe from them. */
  down: Promise<void> = Promise.resolve();
  tether: TetherServer | undefined;
  /** Stops taking in what is said to it. */
  deaf: () => void = () => undefined;
  /** Why it could not be started, when it could not. */
  startFault: Fault | undefined;
  readonly #clock: Clock;
  #touchedAt: number;
  readonly #lifeEndsAt: number;

  constructor(parts: LiveParts) {
    const { record, clock } = parts;
    this.record = record;
    this.profile = parts.profile;
    this.limits = parts.limits;
    this.output = parts.output;
    this.sender = parts.sender;
    this.inputs = parts.inputs;
    this.access = parts.access;
    this.#clock = clock;
    this.#touchedAt = clock.monotonic();
    const age = Math.max(0, clock.now() - record.createdAt);
    this.#lifeEndsAt = clock.monotonic() + parts.limits.lifetimeSeconds * 1000 - age;
  }

  /** Resets the idle clock, and nothing else. */
  touch(): void {
    this.#touchedAt = this.#clock.monotonic();
  }

  /** Which of its clocks has run out; the lifetime is asked first. */
  expired(): 'max_lifetime' | 'idle_timeout' | undefined {
    const now = this.#clock.monotonic();
    if (now >= this.#lifeEndsAt) return 'max_lifetime';
    const { idleSeconds } = this.limits;
    const patience = idleSeconds + (this.record.unit.stay ? stayMarginSeconds : 0);
    if (idleSeconds > 0 && now >= this.#touchedAt + patience * 1000) return 'idle_timeout';
    return undefined;
  }

  /** Lets go of everything in this process; the sandbox is not touched. */
  async close(): Promise<void> {
    this.deaf();
    await this.tether?.close();
    await this.sender.stop();
    this.output.close();
    this.inputs.close();
  }
}
