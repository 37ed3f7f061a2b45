/**
 * Accepts a run: judged at the door, authorised by identity, committed, then offered to an edge.
 *
 * Where an edge has room, the run is accepted under its first lease, and authorising it gives the token of that attempt in the same step.
 * Nothing is held while identity is asked. A launch that was authorised for a run which then was not accepted is closed again.
 */

import { toJson } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import {
  type CreateRunRequest,
  CreateRunRequestSchema,
  type Role,
  type Run,
} from '@sallyport/contracts/schedule/v1/schedule';
import { canonicalHash } from '@sallyport/core/canonical';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { newId } from '@sallyport/core/ids';
import { auditRow } from '@sallyport/service/audit';
import { Log } from '@sallyport/service/log';
import { OutboxRelay } from '@sallyport/service/relay';
import { CONFIG } from '@sallyport/service/start';
import { enqueue } from '@sallyport/store/outbox';
import { Store } from '@sallyport/store/store';
import { AfterworkStore } from '../afterwork/afterwork.store.ts';
import { boundsOf, type SchedulerConfig } from '../config.ts';
import { DispatchStore } from '../dispatches/dispatch.store.ts';
import { type Dispatch, lease, unplaced } from '../dispatches/dispatch.ts';
import { Sweeper } from '../dispatches/sweeper.ts';
import { EdgeStore } from '../edges/edge.store.ts';
import { idempotencyMismatch, roleNotFound } from '../faults.ts';
import { Peers } from '../peers.ts';
import { RoleStore } from '../roles/role.store.ts';
import { requireRunner } from '../runners/require-runner.ts';
import { profileOf, unitFor } from './compose-unit.ts';
import { type IdempotencyKey, IdempotencyStore, type Remembered } from './idempotency.store.ts';
import { headStartMs, newRun } from './new-run.ts';
import { RunStore } from './run.store.ts';
import { type RunRecord, runWire } from './run.ts';
import { checkRequest } from './validate-run.ts';

export interface Accepted {
  readonly run: Run;
  readonly replayed: boolean;
}

/** What stands in the database before a run is accepted. */
interface Read {
  readonly role: Role | undefined;
  readonly before: Remembered | undefined;
  /** Edge with room for it, as it looks now. */
  readonly edge: string | undefined;
}

const authorizeMs = 5_000;

@Injectable()
export class CreateRun {
  constructor(
    private readonly store: Store,
    private readonly roles: RoleStore,
    private readonly runs: RunStore,
    private readonly dispatches: DispatchStore,
    private readonly edges: EdgeStore,
    private readonly keys: IdempotencyStore,
    private readonly afterwork: AfterworkStore,
    private readonly peers: Peers,
    private readonly sweeper: Sweeper,
    private readonly relay: OutboxRelay,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: SchedulerConfig,
  ) {}

  async execute(request: CreateRunRequest, claims: SessionClaims, token: string): Promise<Accepted> {
    try {
      return await this.#accept(request, claims, token);
    } catch (error) {
      const fault = Fault.from(error);
      if (!fault.retryable && fault.code !== 'internal') await this.#tellRefusal(request, claims, fault);
      throw error;
    }
  }

  async #accept(request: CreateRunRequest, claims: SessionClaims, token: string): Promise<Accepted> {
    checkRequest(request);
    const key = { org: claims.org, principal: claims.sub, key: request.idempotencyKey };
    const content = canonicalHash(toJson(CreateRunRequestSchema, { ...request, idempotencyKey: '' }));
    const { role, before, edge } = await this.#read(request, claims, key);
    if (before !== undefined) return this.#replay(before, content, claims);
    const { run, queued } = this.#compose(request, role, claims);
    const dispatch = edge === undefined ? queued : lease(queued, edge, queued.createdAt, boundsOf(this.config));
    const attempt = { dispatch: dispatch.id, edge: edge ?? '', epoch: BigInt(dispatch.epoch) };
    const { intent } = await this.peers.identity.authorizeLaunch(
      { unit: run.unit, ...(edge === undefined ? {} : { attempt }) },
      { token, timeoutMs: authorizeMs },
    );
    const committed = await this.#commit(run, dispatch, key, content);
    if ('winner' in committed) return this.#replay(committed.winner, content, claims);
    // What the outbox holds goes out behind the offer, not beside it.
    this.sweeper.begin(committed.dispatch, run, intent);
    return { run: runWire(run, committed.dispatch), replayed: false };
  }

  #read(request: CreateRunRequest, claims: SessionClaims, key: IdempotencyKey): Promise<Read> {
    const now = this.clock.now();
    return this.store.tx(claims.org, async (db) => {
      const before = key.key === '' ? undefined : await this.keys.get(db, key, now);
      if (before !== undefined) return { role: undefined, before, edge: undefined };
      const role = request.role === '' ? undefined : await this.roles.get(db, claims.env, request.role);
      if (request.role !== '' && role === undefined) throw roleNotFound(request.role);
      const runner = role?.runner ?? request.runner;
      const heardSince = now - this.config.SALLY_LEASE_MS;
      const edge = await this.edges.placeFor(db, runner, profileOf(request, role), heardSince);
      if (edge === undefined) requireRunner(runner, await this.edges.heard(db, heardSince));
      return { role, before, edge };
    });
  }

  #compose(
    request: CreateRunRequest,
    role: Role | undefined,
    claims: SessionClaims,
  ): { run: RunRecord; queued: Dispatch } {
    const now = this.clock.now();
    const ids = { run: newId('run', now), task: newId('task', now) };
    const { org, env: environment, sub: subject } = claims;
    const unit = unitFor(request, role, { ...ids, org, environment, subject });
    return newRun(unit, now, {
      queueMs: this.config.SALLY_QUEUE_MS,
      lifetimeMs: this.config.SALLY_LIFETIME_MS,
    });
  }

  /** Commits the run; or answers which run took the key first, and has the launch of this one closed. */
  async #commit(
    run: RunRecord,
    dispatch: Dispatch,
    key: IdempotencyKey,
    content: string,
  ): Promise<{ readonly winner: Remembered } | { readonly dispatch: Dispatch }> {
    const now = this.clock.now();
    return this.store.tx(run.org, async (db) => {
      if (key.key !== '' && !(await this.keys.take(db, key, { run: run.id, content }, now))) {
        await this.afterwork.add(db, run.org, run.id, ['end_launch'], now);
        const winner = await this.keys.get(db, key, now);
        if (winner === undefined) throw new Error(`the key of ${run.id} is neither free nor taken`);
        return { winner };
      }
      const full = dispatch.edge !== undefined && !(await this.edges.holdRoom(db, dispatch.edge));
      const placed = full ? unplaced(dispatch, now + headStartMs) : dispatch;
      await this.runs.insert(db, run, placed);
      return { dispatch: placed };
    });
  }

  async #replay(before: Remembered, content: string, claims: SessionClaims): Promise<Accepted> {
    if (before.content !== content) throw idempotencyMismatch(before.run);
    return this.store.tx(claims.org, async (db) => {
      const run = await this.runs.find(db, before.run);
      const dispatch = (await this.dispatches.latestOf(db, [before.run])).get(before.run);
      if (run === undefined || dispatch === undefined) throw new Error(`key of ${before.run} outlived its run`);
      return { run: runWire(run, dispatch), replayed: true };
    });
  }

  async #tellRefusal(request: CreateRunRequest, claims: SessionClaims, fault: Fault): Promise<void> {
    const { org, env: environment, sub: subject } = claims;
    const resource = request.role === '' ? 'runner' : 'role';
    const row = auditRow(
      { kind: 'run.refused', org, environment, subject, resource, outcome: 'deny', reason: fault.reason },
      this.clock,
    );
    try {
      await this.store.tx(org, (db) => enqueue(db, [row]));
      this.relay.kick();
    } catch (error) {
      this.log.warn({ error, reason: fault.reason }, 'a refusal could not be put on record');
    }
  }
}
