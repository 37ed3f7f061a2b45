/** The seam between the bus, which carries tokens, and trust, which judges them. */

import type { AccessRow, Caller } from './access.ts';
import type { Claims } from './claims.ts';

/** What a call brought along. */
export interface Credentials {
  /** Compact token, without a scheme word. */
  readonly token: string | undefined;
  /** DPoP-style proof (RFC 9449 section 4.2) over the method and the token. */
  readonly proof: string | undefined;
}

/** Judges the credentials of a call against its access row; throws a Fault with code `unauthenticated` or `permission_denied`. */
export interface TokenGate {
  admit(row: AccessRow, credentials: Credentials, target: ProofTarget): Promise<Claims | undefined>;
}

/** What a proof is bound to: RFC 9449 `htm` and `htu`. */
export interface ProofTarget {
  readonly method: string;
  readonly uri: string;
}

/** What a handler learns about its call. */
export interface Call {
  readonly caller: Caller;
  /** Present exactly when the access row asks for a token. */
  readonly claims: Claims | undefined;
  /** The compact token itself, for services that hand it on to identity. */
  readonly token: string | undefined;
  /** Wall time in milliseconds after which nobody waits for the answer. */
  readonly deadline: number;
  readonly signal: AbortSignal;
  /** W3C trace id of the call. */
  readonly trace: string;
}
