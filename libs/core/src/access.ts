/**
 * Who may call what: a row per RPC.
 *
 * The row set is a mapped type over the contract, so a missing RPC or a stray one does not compile. The bus enforces the
 * row before a handler runs: first the caller, proven by the NATS subject, then the token.
 */

/** Every bus user. `operator` is the person at the machine: the launcher and break-glass tools. */
export const callers = ['identity', 'scheduler', 'runtime', 'workspace', 'egress', 'audit', 'api', 'operator'] as const;

export type Caller = (typeof callers)[number];

/** Classes of token (security chain S, I, D). */
export const tokenClasses = ['session', 'intent', 'dispatch'] as const;

export type TokenClass = (typeof tokenClasses)[number];

/** Everything identity signs. A `grant` is for whoever keeps it outside: no boundary takes one as authority. */
export const signedClasses = [...tokenClasses, 'grant'] as const;

export type SignedClass = (typeof signedClasses)[number];

/** Everything an API key may be limited to. */
export const scopes = [
  'run:create',
  'run:read',
  'run:cancel',
  'run:steer',
  'role:read',
  'role:write',
  'schedule:read',
  'schedule:write',
  'event:read',
  'event:send',
  'webhook:write',
  'grant:read',
  'grant:write',
  'workspace:read',
  'workspace:write',
  'audit:read',
  'key:read',
  'key:write',
  'principal:write',
  'revoke:write',
] as const;

export type Scope = (typeof scopes)[number];

/** A call without a token, by bus identity alone. */
export interface CallerRow {
  readonly callers: readonly Caller[];
  readonly token: 'none';
}

/** A call that needs a session token with a scope. */
export interface SessionRow {
  readonly callers: readonly Caller[];
  readonly token: 'session';
  readonly scope: Scope;
}

/** A call on the strength of an intent token. */
export interface IntentRow {
  readonly callers: readonly Caller[];
  readonly token: 'intent';
}

/** A call that needs a dispatch token and a proof of its key. */
export interface DispatchRow {
  readonly callers: readonly Caller[];
  readonly token: 'dispatch';
}

/** A call that takes either of two tokens; the handler tells them apart by `call.claims.class`. */
export interface SessionOrDispatchRow {
  readonly callers: readonly Caller[];
  readonly token: 'session_or_dispatch';
  readonly scope: Scope;
}

export type AccessRow = CallerRow | SessionRow | IntentRow | DispatchRow | SessionOrDispatchRow;

/** A row per method of a generated service description. */
export type AccessTable<S extends { readonly method: object }> = { readonly [M in keyof S['method']]: AccessRow };
