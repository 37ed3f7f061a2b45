/** Answers runs of an environment, newest first, a page at a time. */

import { Injectable } from '@nestjs/common';
import type { ListRunsRequest, Run } from '@sallyport/contracts/schedule/v1/schedule';
import type { SessionClaims } from '@sallyport/core/claims';
import { isId, isSlug } from '@sallyport/core/ids';
import { Store } from '@sallyport/store/store';
import { DispatchStore } from '../dispatches/dispatch.store.ts';
import { nameInvalid, pageInvalid, runNotFound } from '../faults.ts';
import { type RunStateName, runMachine } from './run.machine.ts';
import { RunStore } from './run.store.ts';
import { runStateWire, runWire } from './run.ts';

const usualPage = 50;
const maxPage = 200;

@Injectable()
export class ListRuns {
  constructor(
    private readonly store: Store,
    private readonly runs: RunStore,
    private readonly dispatches: DispatchStore,
  ) {}

  async execute(request: ListRunsRequest, claims: SessionClaims): Promise<{ runs: Run[]; nextPageToken: string }> {
    const { pageSize, pageToken, role } = request;
    if (pageSize < 0 || pageSize > maxPage) throw pageInvalid('/page_size');
    if (pageToken !== '' && !isId('run', pageToken)) throw pageInvalid('/page_token');
    if (role !== '' && !isSlug(role)) throw nameInvalid('/role');
    const limit = pageSize === 0 ? usualPage : pageSize;
    return this.store.tx(claims.org, async (db) => {
      const found = await this.runs.list(db, {
        environment: claims.env,
        states: statesOf(request),
        role,
        before: pageToken,
        limit: limit + 1,
      });
      const page = found.slice(0, limit);
      const dispatches = await this.dispatches.latestOf(
        db,
        page.map((run) => run.id),
      );
      const runs = page.flatMap((run) => {
        const dispatch = dispatches.get(run.id);
        return dispatch === undefined ? [] : [runWire(run, dispatch)];
      });
      return { runs, nextPageToken: found.length > limit ? (page.at(-1)?.id ?? '') : '' };
    });
  }

  /** One run of the environment. */
  async get(id: string, claims: SessionClaims): Promise<Run> {
    return this.store.tx(claims.org, async (db) => {
      const run = await this.runs.get(db, claims.env, id);
      const dispatch = (await this.dispatches.latestOf(db, [id])).get(id);
      if (run === undefined || dispatch === undefined) throw runNotFound(id);
      return runWire(run, dispatch);
    });
  }
}

function statesOf({ states }: ListRunsRequest): readonly RunStateName[] {
  const names = runMachine.states.filter((name) => states.includes(runStateWire[name]));
  if (names.length !== new Set(states).size) throw pageInvalid('/states');
  return names;
}
