/** Answers grants of the caller's environment. */

import { Injectable } from '@nestjs/common';
import type { ListGrantsRequest } from '@sallyport/contracts/identity/v1/grant';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { isId } from '@sallyport/core/ids';
import { Store } from '@sallyport/store/store';
import { argumentInvalid, grantUnknown } from '../faults.ts';
import { findGrant, listGrants } from './grant.store.ts';
import type { Grant } from './grant.ts';

const usualPage = 50;
const maxPage = 200;

@Injectable()
export class ReadGrants {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  async get({ org, env }: SessionClaims, id: string): Promise<Grant> {
    const grant = await this.store.tx(org, (db) => findGrant(db, id, this.clock.now()));
    if (grant === undefined || grant.environment !== env) throw grantUnknown(id);
    return grant;
  }

  async list(
    { org, env }: SessionClaims,
    { active, pageSize, pageToken }: ListGrantsRequest,
  ): Promise<{ grants: Grant[]; nextPageToken: string }> {
    if (pageSize < 0 || pageSize > maxPage) throw argumentInvalid('page_size', `between 0 and ${maxPage}`);
    if (pageToken !== '' && !isId('grant', pageToken)) throw argumentInvalid('page_token', 'what a page answered');
    const limit = pageSize === 0 ? usualPage : pageSize;
    const wanted = { environment: env, active, before: pageToken, limit: limit + 1 };
    const found = await this.store.tx(org, (db) => listGrants(db, wanted, this.clock.now()));
    const grants = found.slice(0, limit);
    return { grants, nextPageToken: found.length > limit ? (grants.at(-1)?.id ?? '') : '' };
  }
}
