/** Whether each service answers. A refusal is an answer: what is asked here needs no right and changes nothing. */

import { Injectable } from '@nestjs/common';
import { Bus } from '@sallyport/bus/connection';
import { Clock } from '@sallyport/core/clock';
import { Fault, type FaultCode } from '@sallyport/core/fault';
import { Services } from '../services.ts';

export interface ServiceState {
  readonly name: string;
  readonly state: 'ready' | 'unavailable';
  /** Milliseconds until it answered. */
  readonly took_ms: number;
  /** Stable reason, when it did not. */
  readonly reason?: string;
}

const silent: ReadonlySet<FaultCode> = new Set(['unavailable', 'deadline_exceeded', 'internal']);
const timeoutMs = 2_000;

@Injectable()
export class Probe {
  constructor(
    private readonly services: Services,
    private readonly bus: Bus,
    private readonly clock: Clock,
  ) {}

  /** Asks every service at once. */
  all(): Promise<ServiceState[]> {
    const { identity, scheduler, runtime, workspace, egress, audit } = this.services;
    const id = 'probe';
    return Promise.all([
      this.ask('nats', () => this.bus.nats.flush()),
      this.ask('identity', () => identity.listPublicKeys({}, { timeoutMs })),
      this.ask('scheduler', () => scheduler.getRun({ id }, { timeoutMs })),
      this.ask('runtime', () => runtime.getWorkload({ id }, { timeoutMs })),
      this.ask('workspace', () => workspace.getWorkspace({ name: id }, { timeoutMs })),
      this.ask('egress', () => egress.getDecision({ id }, { timeoutMs })),
      this.ask('audit', () => audit.getCheckpoint({ minSize: 0n }, { timeoutMs })),
    ]);
  }

  /** What this process itself needs to serve anybody. */
  own(): Promise<ServiceState[]> {
    return Promise.all([
      this.ask('nats', () => this.bus.nats.flush()),
      this.ask('identity', () => this.services.identity.listPublicKeys({}, { timeoutMs })),
    ]);
  }

  private async ask(name: string, question: () => Promise<unknown>): Promise<ServiceState> {
    const asked = this.clock.monotonic();
    const reason = await settle(question, timeoutMs);
    const took_ms = Math.round((this.clock.monotonic() - asked) * 10) / 10;
    return reason === undefined ? { name, state: 'ready', took_ms } : { name, state: 'unavailable', took_ms, reason };
  }
}

/** The reason a question got no answer, or undefined when it got one. */
async function settle(question: () => Promise<unknown>, ms: number): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Fault('deadline_exceeded', 'bus.timeout', 'no answer in time')), ms);
  });
  try {
    await Promise.race([question(), late]);
    return undefined;
  } catch (error) {
    const fault = Fault.from(error);
    return silent.has(fault.code) ? fault.reason : undefined;
  } finally {
    clearTimeout(timer);
  }
}
