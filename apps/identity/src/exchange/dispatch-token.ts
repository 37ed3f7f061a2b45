/** The dispatch token of an attested attempt. */

import type { ActorClaim } from '@sallyport/core/claims';
import { uuid7 } from '@sallyport/core/ids';
import type { MintClaims } from '@sallyport/trust/signer';
import { serviceAudience, tokenClassTable } from '@sallyport/trust/token-class';
import { type Attempt, type Launch, tokenLifetime } from '../launches/launch.store.ts';
import type { JudgedEvidence } from './evidence.ts';

/** Claims of D. The actor is made from the record, never from what anyone asks for. */
export function dispatchClaims(
  launch: Launch,
  attempt: Attempt,
  evidence: JudgedEvidence,
  jkt: string,
  nowMs: number,
): MintClaims<'dispatch'> {
  const { org, run, key, grant, facts } = launch;
  return {
    aud: 'sallyport',
    sub: launch.subject,
    jti: uuid7(nowMs),
    org,
    env: launch.environment,
    txn: run,
    key,
    ...(grant === undefined ? {} : { grant: grant.id }),
    req_wl: serviceAudience('runtime'),
    act: { sub: `org/${org}/run/${run}/dispatch/${attempt.dispatch}`, sub_profile: 'ai_agent', act: facts.act },
    cnf: { jkt },
    tctx: {
      wsp: facts.wsp,
      dsp: { id: attempt.dispatch, h: attempt.envelope_hash },
      role: facts.role,
      profile: facts.profile,
      tools_h: facts.tools_h,
      net: facts.net,
      lease: { edge: attempt.edge, epoch: attempt.epoch },
      author: { name: launch.name, email: launch.email },
    },
    att: { fmt: evidence.format, ev: evidence.hash, lvl: evidence.level },
  };
}

/** Seconds the dispatch token of a launch may live. */
export const dispatchLifetime = (launch: Launch, nowMs: number): number =>
  tokenLifetime(launch, tokenClassTable.dispatch.lifetimeSeconds, nowMs);

/** Actors of a run as the log lists them, outermost first. */
export const actorsOf = ({ facts }: Pick<Launch, 'facts'>, dispatch: string): string[] => [
  `dispatch/${dispatch}`,
  ...subjectsOf(facts.act),
];

const subjectsOf = ({ sub, act }: ActorClaim): string[] => [sub, ...(act === undefined ? [] : subjectsOf(act))];
