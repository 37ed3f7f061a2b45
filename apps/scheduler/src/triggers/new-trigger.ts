/** A trigger that nobody has consented to yet, as it is before what it says is written into it. */

import type { SessionClaims } from '@sallyport/core/claims';
import { newId } from '@sallyport/core/ids';
import type { Trigger } from './trigger.ts';

type Said = Pick<Trigger, 'kind' | 'name' | 'template' | 'overlap' | 'paused'>;

export const newTrigger = (said: Said, claims: SessionClaims, now: number): Trigger => ({
  ...said,
  id: newId(said.kind, now),
  org: claims.org,
  environment: claims.env,
  version: 1,
  spec: new Uint8Array(),
  specHash: '',
  grant: '',
  grantHash: '',
  subject: '',
  grantTrouble: '',
  createdAt: now,
  createdBy: claims.sub,
  deletedAt: undefined,
  cursorAt: now,
  nextAt: undefined,
});
