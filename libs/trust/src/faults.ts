/** Every way a token or a proof is refused. Texts say what to do and repeat nothing of the token. */

import { Fault, type FaultDetail } from '@sallyport/core/fault';

const tokenMessages = {
  'token.missing': 'the call needs a token and brought none; open a session and send it along',
  'token.encoding': 'the token is not three canonical base64url parts of at most 8 KiB; send it exactly as issued',
  'token.json': 'a part of the token is not unambiguous JSON; send it exactly as issued',
  'token.typ': 'the token is of another class than this call takes; send the class the method names',
  'token.alg': 'the token is not signed with ES256; no other algorithm is accepted',
  'token.header': 'the token header has members beside alg, kid and typ; keys never come with a token',
  'token.kid': 'the token names no signing key that is in use; get a fresh token',
  'token.signature': 'the token signature does not fit its content; get a fresh token',
  'token.iss': 'the token comes from another issuer; get one from this installation',
  'token.aud': 'the token is addressed to another service; get one for this audience',
  'token.lifetime': 'the token is expired, not yet valid or lives longer than its class may; get a fresh token',
  'token.revoked': 'the token was revoked; get a fresh one if the right still exists',
  'token.claims': 'the token lacks a claim of its class or has one of the wrong shape; get a fresh token',
} as const;

const proofMessages = {
  'proof.missing': 'the call needs a proof of the key its token is bound to; send one along',
  'proof.encoding': 'the proof is not a compact JWT of at most 8 KiB with unambiguous JSON',
  'proof.typ': 'the proof is not of typ dpop+jwt',
  'proof.alg': 'the proof is not signed with ES256',
  'proof.header': 'the proof header has members beside alg, jwk and typ',
  'proof.key': 'the proof key is not a public P-256 key or not the one the token is bound to',
  'proof.signature': 'the proof signature does not fit its content',
  'proof.claims': 'the proof lacks htm, htu, iat, jti or ath, or has one of the wrong shape',
  'proof.target': 'the proof was made for another method or address',
  'proof.token': 'the proof was made for another token',
  'proof.time': 'the proof is older than 60 seconds or from the future; make one per call',
  'proof.replay': 'the proof was used before; make one per call',
} as const;

export type TokenReason = keyof typeof tokenMessages;
export type ProofReason = keyof typeof proofMessages;

/** Refuses a token: code `unauthenticated`. */
export const tokenFault = (reason: TokenReason): Fault => new Fault('unauthenticated', reason, tokenMessages[reason]);

/** Refuses a proof: code `unauthenticated`. */
export const proofFault = (reason: ProofReason): Fault => new Fault('unauthenticated', reason, proofMessages[reason]);

export const scopeMissing = (required: string, granted: readonly string[]): Fault => {
  const detail: FaultDetail = { required, granted: granted.join(' ') };
  return new Fault(
    'permission_denied',
    'token.scope',
    `the token lacks the scope ${required}; use a key that has it`,
    detail,
  );
};

export const revocationStale = (): Fault =>
  new Fault(
    'unavailable',
    'token.revocation_stale',
    'revocations have not been heard of for too long, so no token is accepted; retry when identity answers again',
  );

export const proofMemoryFull = (): Fault =>
  new Fault(
    'unavailable',
    'proof.memory_full',
    'too many proofs within their window to tell a replay apart; retry in a minute',
  );

/** Every reason of this library, for the comparison with its documentation. */
export const trustReasons: readonly string[] = [
  ...Object.keys(tokenMessages),
  ...Object.keys(proofMessages),
  'token.scope',
  'token.revocation_stale',
  'proof.memory_full',
];
