/** What a dispatch token lets its edge do with a workspace. */

import type { DispatchClaims } from '@sallyport/core/claims';
import { mountRefused } from '../faults.ts';

export type MountKind = 'ro' | 'rw';

/** Passes when the token names the workspace with a mode that covers the one asked for. @throws Fault `workspace.mount_refused`. */
export function assertCovered(claims: DispatchClaims, workspace: string, mode: MountKind): void {
  const covered = claims.tctx.wsp.some(
    (claim) => claim.id === workspace && (claim.mode === 'rw' || claim.mode === mode),
  );
  if (!covered) throw mountRefused(workspace);
}

/** Who acts in a dispatch's name, outermost first, for the audit log. */
export function actorsOf(claims: DispatchClaims): readonly string[] {
  const actors: string[] = [];
  for (let actor: DispatchClaims['act'] | undefined = claims.act; actor !== undefined; actor = actor.act)
    actors.push(actor.sub);
  return actors;
}

/** What an audit event of a dispatch's mount says of whose it is. */
export const eventOf = (claims: DispatchClaims, workspace: string) => ({
  org: claims.org,
  environment: claims.env,
  subject: claims.sub,
  actors: actorsOf(claims),
  run: claims.txn,
  dispatch: claims.tctx.dsp.id,
  resource: `workspace/${workspace}`,
});
