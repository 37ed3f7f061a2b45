/** Accepts an input for a run: judged, committed with its audit event, then carried to the edge that holds the run. */

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Injectable } from '@nestjs/common';
import type { SendInputRequest } from '@sallyport/contracts/schedule/v1/schedule';
import { type Input, InputSchema } from '@sallyport/contracts/unit/v1/input';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { Fault } from '@sallyport/core/fault';
import { newId } from '@sallyport/core/ids';
import { auditRow, type EventInit } from '@sallyport/service/audit';
import { Log } from '@sallyport/service/log';
import { OutboxRelay } from '@sallyport/service/relay';
import { enqueue } from '@sallyport/store/outbox';
import { type Db, Store } from '@sallyport/store/store';
import { DispatchStore } from '../dispatches/dispatch.store.ts';
import { runEnded, runNotFound } from '../faults.ts';
import { RefusalBudget } from '../refusal-budget.ts';
import { runMachine } from '../runs/run.machine.ts';
import { RunStore } from '../runs/run.store.ts';
import type { RunRecord } from '../runs/run.ts';
import { checkInput, type InputBody, saysTheSame } from './check-input.ts';
import { DeliverInputs } from './deliver-inputs.ts';
import { InputStore } from './input.store.ts';
import { inputConflict, inputsFull, runEnding, runNotStaying } from './input-faults.ts';

/** Texts that may wait for one agent; a cancel or a leave finds room behind them. */
const maxWaiting = 100;
const maxWaitingInAll = 120;
/** Inputs of one run in all; an edge holds as many. */
const maxInputs = 10_000;

/** Who says something, and in which environment. */
export type Sayer = Pick<SessionClaims, 'org' | 'env' | 'sub'>;

export interface Said {
  readonly input: Input;
  readonly replayed: boolean;
}

@Injectable()
export class SendInput {
  readonly #refusals: RefusalBudget;

  constructor(
    private readonly store: Store,
    private readonly runs: RunStore,
    private readonly dispatches: DispatchStore,
    private readonly inputs: InputStore,
    private readonly deliver: DeliverInputs,
    private readonly relay: OutboxRelay,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.#refusals = new RefusalBudget(clock);
  }

  async execute({ run, input }: SendInputRequest, claims: Sayer): Promise<Said> {
    try {
      const said = await this.#accept(run, input, claims);
      this.relay.kick();
      if (!said.replayed) this.deliver.kick(claims.org, run);
      return said;
    } catch (error) {
      const fault = Fault.from(error);
      if (!fault.retryable && fault.code !== 'internal') await this.#tellRefusal(run, claims, fault);
      throw error;
    }
  }

  #accept(id: string, given: Input | undefined, claims: Sayer): Promise<Said> {
    const body = checkInput(given);
    return this.store.tx(claims.org, async (db) => {
      // Only a run of this environment is locked, and whoever says something to it waits for the others.
      const found = await this.runs.get(db, claims.env, id);
      const run = found && (await this.runs.lock(db, id));
      if (run === undefined) throw runNotFound(id);
      const before = given === undefined || given.id === '' ? undefined : await this.inputs.get(db, id, given.id);
      if (before !== undefined) {
        if (!saysTheSame(before.body, body)) throw inputConflict(before.id);
        return { input: before, replayed: true };
      }
      await this.#checkRun(db, run, body);
      const position = await this.#placeFor(db, id, body);
      const now = this.clock.now();
      const input = create(InputSchema, {
        id: given?.id || newId('input', now),
        org: run.org,
        run: id,
        principal: claims.sub,
        at: timestampFromMs(now),
        body,
      });
      await this.inputs.add(db, input, position, now);
      await enqueue(db, [auditRow(inputEvent(run, input, claims), this.clock)]);
      return { input, replayed: false };
    });
  }

  async #checkRun(db: Db, run: RunRecord, body: InputBody): Promise<void> {
    if (runMachine.isTerminal(run.state)) throw runEnded(run.id, run.state, runMachine.allowed(run.state));
    if (body.case !== 'cancel' && !run.unit.stay) throw runNotStaying(run.id);
    const dispatch = (await this.dispatches.latestOf(db, [run.id])).get(run.id);
    if (dispatch?.wish === 'stop') throw runEnding(run.id);
  }

  async #placeFor(db: Db, run: string, body: InputBody): Promise<number> {
    const { said, open } = await this.inputs.backlog(db, run);
    const limit = body.case === 'text' ? maxWaiting : maxWaitingInAll;
    if (open >= limit) throw inputsFull(run, limit);
    if (said >= maxInputs) throw inputsFull(run, maxInputs);
    return said + 1;
  }

  async #tellRefusal(run: string, { org, env: environment, sub: subject }: Sayer, fault: Fault): Promise<void> {
    const facts = this.#refusals.take(`${org} ${environment} ${subject}`);
    if (facts === undefined) return;
    const resource = `run/${run.slice(0, 64)}`;
    const row = auditRow(
      { kind: 'run.refused', org, environment, subject, resource, outcome: 'deny', reason: fault.reason, facts },
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

/** Who said something of which kind and size; never what. */
const inputEvent = (run: RunRecord, input: Input, claims: Sayer): EventInit => ({
  kind: 'run.input',
  org: run.org,
  environment: run.environment,
  subject: claims.sub,
  run: run.id,
  resource: `run/${run.id}`,
  outcome: 'allow',
  facts: {
    input: input.id,
    kind: input.body.case ?? '',
    bytes: String(input.body.case === 'text' ? Buffer.byteLength(input.body.value) : 0),
  },
});
