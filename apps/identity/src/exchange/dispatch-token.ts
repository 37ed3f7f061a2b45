/** The dispatch token of an attested attempt. */

import { uuid7 } from '@sallyport/core/ids';
import type { MintClaims } from '@sallyport/trust/signer';
import { serviceAudience } from '@sallyport/trust/token-class';
import type { Attempt, Launch } from '../launches/launch.store.ts';
import type { JudgedEvidence } from './evidence.ts';

/** Claims of D. The actor is made from the record, never from what anyone asks for. */
export function dispatchClaims(
  launch: Launch,
  attempt: Attempt,
  evidence: JudgedEvidence,
  jkt: string,
  nowMs: number,
): MintClaims<'dispatch'> {
  const { org, run, key, facts } = launch;
  return {
    aud: 'sallyport',
    sub: launch.subject,
    jti: uuid7(nowMs),
    org,
    env: launch.environment,
    txn: run,
    key,
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

/** Actors of a run as the log lists them, outermost first. */
export const actorsOf = ({ facts }: Launch, dispatch: string): string[] => [`dispatch/${dispatch}`, facts.act.sub];
