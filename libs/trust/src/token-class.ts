/** The classes of the token chain as a table. Every rule that differs between them stands here and nowhere else. */

import type { SignedClass, TokenClass } from '@sallyport/core/access';

/** The only issuer of the chain. */
export const chainIssuer = 'sallyport:identity';

/** Seconds by which two machines' clocks may differ. */
export const clockSkewSeconds = 5;

export interface TokenClassRow {
  /** JOSE `typ`, compared case by case. */
  readonly typ: string;
  /** Longest `exp - iat` in seconds. */
  readonly lifetimeSeconds: number;
  /** The one `aud` a service accepts. */
  readonly audience: (service: string) => string;
}

/** The `aud` by which a token is addressed to one service. */
export const serviceAudience = (service: string): string => `sallyport:${service}`;

export const tokenClassTable: Readonly<Record<TokenClass, TokenClassRow>> = {
  session: { typ: 'session+jwt', lifetimeSeconds: 300, audience: serviceAudience },
  intent: { typ: 'intent+jwt', lifetimeSeconds: 60, audience: serviceAudience },
  dispatch: { typ: 'txntoken+jwt', lifetimeSeconds: 600, audience: () => 'sallyport' },
};

/** What the signer needs to know of every class, those included that no boundary takes. */
export const signedClassTable: Readonly<Record<SignedClass, Pick<TokenClassRow, 'typ' | 'lifetimeSeconds'>>> = {
  ...tokenClassTable,
  grant: { typ: 'grant+jwt', lifetimeSeconds: 90 * 24 * 60 * 60 },
};

/** The class a JOSE `typ` belongs to; undefined for a foreign one. */
export function classOfTyp(typ: unknown): TokenClass | undefined {
  if (typ === tokenClassTable.session.typ) return 'session';
  if (typ === tokenClassTable.intent.typ) return 'intent';
  if (typ === tokenClassTable.dispatch.typ) return 'dispatch';
  return undefined;
}
