/**
 * Takes in what platform teams say to dispatches: `unit.v1.<org>.<environment>.<dispatch>.in.<team>`, a JSON object with `text`, `cancel` or
 * `leave`, and an `id` when it may be sent again. Who says it and where is the subject's word, which the bus proves.
 */

import { create } from '@bufbuild/protobuf';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus } from '@sallyport/bus/connection';
import { answerOpen, type OpenRequest, type StopAnswering } from '@sallyport/bus/open-requests';
import { parseTeamInput, teamInputListen } from '@sallyport/bus/subject';
import { SendInputRequestSchema } from '@sallyport/contracts/schedule/v1/schedule';
import { isId, isSlug } from '@sallyport/core/ids';
import { Store } from '@sallyport/store/store';
import { DispatchStore } from '../dispatches/dispatch.store.ts';
import { FairShare } from '../fair-share.ts';
import { runNotFound } from '../faults.ts';
import { maxInputBytes } from './check-input.ts';
import { inputInvalid } from './input-faults.ts';
import { SendInput } from './send-input.ts';

@Injectable()
export class TeamInputs implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #share = new FairShare();
  #stop: StopAnswering = () => Promise.resolve();

  constructor(
    private readonly bus: Bus,
    private readonly store: Store,
    private readonly dispatches: DispatchStore,
    private readonly send: SendInput,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.#stop = await answerOpen(this.bus, teamInputListen, (request) => this.#take(request));
  }

  async onModuleDestroy(): Promise<void> {
    await this.#stop();
  }

  async #take(request: OpenRequest): Promise<object> {
    const place = parseTeamInput(request.subject);
    if (place === undefined || ![place.org, place.environment, place.team].every(isSlug))
      throw inputInvalid('/subject', 'say it on unit.v1.<org>.<environment>.<dispatch>.in.<team>');
    const { org, environment, dispatch, team } = place;
    if (!isId('dispatch', dispatch)) throw runNotFound(dispatch);
    // What is no input is refused before anything is put on record of it: whoever sends rubbish fills no log.
    const input = inputOf(request.body);
    return this.#share.run(`${org}.${environment}.${team}`, async () => {
      const found = await this.store.tx(org, (db) => this.dispatches.get(db, dispatch));
      if (found === undefined) throw runNotFound(dispatch);
      const asked = create(SendInputRequestSchema, { run: found.run, input });
      const said = await this.send.execute(asked, { org, env: environment, sub: `team/${team}` });
      return { id: said.input.id, run: found.run, replayed: said.replayed };
    });
  }
}

type Body =
  | { readonly case: 'text' | 'cancel'; readonly value: string }
  | { readonly case: 'leave'; readonly value: Record<string, never> };

/** @throws Fault `scheduler.input_invalid` for anything but one of the three, with an id or without. */
function inputOf(bytes: Uint8Array): { readonly id: string; readonly body: Body } {
  const { id = '', ...said } = objectOf(bytes);
  if (typeof id !== 'string') throw inputInvalid('/id', 'an id is text');
  const [entry, ...more] = Object.entries(said);
  if (entry === undefined || more.length > 0) throw inputInvalid('/input', 'set one of text, cancel and leave');
  const [name, value] = entry;
  if ((name === 'text' || name === 'cancel') && typeof value === 'string') return { id, body: { case: name, value } };
  if (name === 'leave' && value === true) return { id, body: { case: 'leave', value: {} } };
  throw inputInvalid('/input', 'text and cancel are text, leave is true, and there is nothing else');
}

function objectOf(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  // JSON may write one byte as six.
  if (bytes.byteLength > 6 * maxInputBytes + 1_024) throw inputInvalid('/input', 'the input is too large');
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Said below.
  }
  throw inputInvalid('/input', 'the input is no JSON object');
}
