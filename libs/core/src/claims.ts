/**
 * Claims of the token chain, as a verifier hands them on. Shapes follow RFC 9068, RFC 8693 (`act`), RFC 7800 (`cnf`) and the
 * transaction-token draft (`txn`, `tctx`).
 */

import type { Scope } from './access.ts';

interface Common {
  readonly iss: string;
  readonly aud: string;
  /** Principal on whose behalf. */
  readonly sub: string;
  readonly jti: string;
  /** Seconds since the epoch. */
  readonly iat: number;
  readonly exp: number;
  readonly org: string;
  /** Environment. */
  readonly env: string;
}

/** S: what an API key turns into, for one service. */
export interface SessionClaims extends Common {
  readonly class: 'session';
  /** Id of the key it came from. */
  readonly key: string;
  readonly scope: readonly (Scope | '*')[];
  /** Name and address shown on commits. */
  readonly name: string;
  readonly email: string;
}

/** What a launch hands down to its tokens. */
interface Launched extends Common {
  /** Id of the API key that asked for the run, or that consented to the grant, so that its end is theirs. */
  readonly key?: string;
  /** Id of the grant the run is on; its end is theirs too. */
  readonly grant?: string;
}

/** One workspace grant of a dispatch. */
export interface WorkspaceClaim {
  readonly id: string;
  readonly mode: 'ro' | 'rw';
}

/** RFC 8693 section 4.1 actor, outermost first. */
export interface ActorClaim {
  readonly sub: string;
  readonly sub_profile: 'user' | 'service' | 'schedule' | 'integration' | 'ai_agent';
  readonly act?: ActorClaim;
}

/** I: one attempt of one authorised launch, for the runtime alone, single use. */
export interface IntentClaims extends Launched {
  readonly class: 'intent';
  /** Run. */
  readonly txn: string;
  readonly act: ActorClaim;
  readonly wsp: readonly WorkspaceClaim[];
  /** Dispatch id and SHA-256 of its canonical envelope. */
  readonly dsp: { readonly id: string; readonly h: string };
  /** Edge that may use it, and the lease epoch. */
  readonly lease: { readonly edge: string; readonly epoch: number };
}

/** D: the dispatch token, bound to the workload's proof key and attestation. */
export interface DispatchClaims extends Launched {
  readonly class: 'dispatch';
  readonly txn: string;
  readonly req_wl: string;
  readonly act: ActorClaim;
  readonly cnf: { readonly jkt: string };
  readonly tctx: {
    readonly wsp: readonly WorkspaceClaim[];
    readonly dsp: { readonly id: string; readonly h: string };
    readonly role: string;
    readonly profile: string;
    readonly tools_h: string;
    /** The one model endpoint it may reach. */
    readonly net: {
      readonly provider: string;
      readonly url: string;
      /** Name of the credential that egress shows the provider; empty for none. */
      readonly credential: string;
      /** Wire protocol of the provider, such as `anthropic_messages`; absent when the unit does not say. */
      readonly dialect?: string;
    };
    readonly lease: { readonly edge: string; readonly epoch: number };
    /** Author of its commits. */
    readonly author: { readonly name: string; readonly email: string };
  };
  /** Attestation: format, SHA-256 of the evidence, level 0 to 3. */
  readonly att: { readonly fmt: string; readonly ev: string; readonly lvl: number };
}

/** G: a person's delegation to a schedule or subscription, as exported. Identity's record decides, never this text. */
export interface GrantClaims {
  readonly class: 'grant';
  readonly iss: string;
  /** Principal who consents. */
  readonly sub: string;
  /** Id of the grant. */
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  readonly org: string;
  readonly env: string;
  /** The one service that may use it. */
  readonly may_act: { readonly iss: string; readonly sub: string };
  readonly scope: readonly string[];
  readonly wsp: readonly WorkspaceClaim[];
  readonly trg: { readonly kind: string; readonly id: string; readonly spec_hash: string };
  readonly lim: { readonly max_runs: number; readonly max_per_day: number };
  /** Evidence of consent: the key it was given by, when that was shown, and the hash of what was shown. */
  readonly cns: { readonly key: string; readonly auth_time: number; readonly ui_hash: string };
}

export type Claims = SessionClaims | IntentClaims | DispatchClaims;
