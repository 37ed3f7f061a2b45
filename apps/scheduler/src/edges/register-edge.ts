/** Takes an edge in. What it offers replaces what it offered before. */

import { Inject, Injectable } from '@nestjs/common';
import { EdgeState, type RegisterEdgeRequest, type RunnerDescription } from '@sallyport/contracts/schedule/v1/schedule';
import { Clock } from '@sallyport/core/clock';
import { isSlug } from '@sallyport/core/ids';
import { CONFIG } from '@sallyport/service/start';
import { Store } from '@sallyport/store/store';
import type { SchedulerConfig } from '../config.ts';
import { DispatchStore } from '../dispatches/dispatch.store.ts';
import { conflict, edgeInvalid } from '../faults.ts';
import { isPrintable } from '../runs/check-fields.ts';
import { Wake } from '../wake.ts';
import { EdgeStore } from './edge.store.ts';
import { edgeStateWire, revived } from './edge.ts';

const maxCapacity = 10_000;
const maxWords = 64;

const isWord = (text: string): boolean => isPrintable(text, 1000);

/** What people read must be text, and not much of it. */
const isDescription = ({ runner, backend, version, features, missing, remedy }: RunnerDescription): boolean =>
  isSlug(runner) &&
  isSlug(backend) &&
  features.length <= maxWords &&
  missing.length <= maxWords &&
  [...features, ...missing].every(isWord) &&
  [version, remedy].every((text) => text === '' || isWord(text));

@Injectable()
export class RegisterEdge {
  constructor(
    private readonly store: Store,
    private readonly edges: EdgeStore,
    private readonly dispatches: DispatchStore,
    private readonly clock: Clock,
    private readonly wake: Wake,
    @Inject(CONFIG) private readonly config: SchedulerConfig,
  ) {}

  async execute(request: RegisterEdgeRequest): Promise<{ state: EdgeState; heartbeatSeconds: number }> {
    check(request);
    const { edge: id, runners, profiles, capacity, runnerDescriptions } = request;
    const state = await this.store.system(async (db) => {
      const now = this.clock.now();
      const descriptions = runnerDescriptions.map((description) => ({ ...description, edge: id }));
      const offered = { runners, profiles, capacity, descriptions, seenAt: now };
      const known = await this.edges.lock(db, id);
      const before = known ?? {
        id,
        state: 'enrolling' as const,
        reason: 'registered',
        since: now,
        version: 0,
        ...offered,
      };
      const edge = { ...revived(before, 'registered', now), ...offered };
      if (known !== undefined) await this.edges.save(db, edge);
      else if (!(await this.edges.add(db, edge))) throw conflict(id);
      await this.dispatches.wakeQueued(db, now);
      return edge.state;
    });
    this.wake.ring();
    return {
      state: edgeStateWire[state],
      heartbeatSeconds: Math.max(1, Math.round(this.config.SALLY_HEARTBEAT_MS / 1000)),
    };
  }
}

function check({ edge, runners, profiles, capacity, runnerDescriptions }: RegisterEdgeRequest): void {
  if (!isSlug(edge)) throw edgeInvalid('/edge', 'use 1 to 63 lower-case letters, digits and inner dashes');
  if (runners.length === 0 || runners.length > 64 || !runners.every(isSlug))
    throw edgeInvalid('/runners', 'name 1 to 64 runners');
  if (profiles.length === 0 || profiles.length > 64 || !profiles.every(isSlug))
    throw edgeInvalid('/profiles', 'name 1 to 64 profiles');
  if (runnerDescriptions.length > 256 || !runnerDescriptions.every(isDescription))
    throw edgeInvalid('/runner_descriptions', 'describe at most 256 runners, each in short printable words');
  if (capacity < 1 || capacity > maxCapacity)
    throw edgeInvalid('/capacity', `an edge takes 1 to ${maxCapacity} workloads at a time`);
}
