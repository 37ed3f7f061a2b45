/** Payload to typed claims (V0 step 9). A parser builds a fresh object of the claims it knows; anything else is dropped. */

import { type Scope, scopes, type TokenClass } from '@sallyport/core/access';
import type {
  ActorClaim,
  Claims,
  DispatchClaims,
  IntentClaims,
  SessionClaims,
  WorkspaceClaim,
} from '@sallyport/core/claims';
import { isObject, type JsonObject } from './encoding.ts';
import { tokenFault } from './faults.ts';

const maxActors = 8;
const actorProfiles = ['user', 'service', 'schedule', 'integration', 'ai_agent'] as const;
const malformed = () => tokenFault('token.claims');

function text(from: JsonObject, name: string): string {
  const value = from[name];
  if (typeof value !== 'string') throw malformed();
  return value;
}

function word(from: JsonObject, name: string): string {
  const value = text(from, name);
  if (value === '') throw malformed();
  return value;
}

function whole(from: JsonObject, name: string): number {
  const value = from[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed();
  return value;
}

function inner(from: JsonObject, name: string): JsonObject {
  const value = from[name];
  if (!isObject(value)) throw malformed();
  return value;
}

function list(from: JsonObject, name: string): readonly unknown[] {
  const value = from[name];
  if (!Array.isArray(value)) throw malformed();
  return value;
}

function workspaces(from: JsonObject): WorkspaceClaim[] {
  return list(from, 'wsp').map((entry) => {
    if (!isObject(entry)) throw malformed();
    const { mode } = entry;
    if (mode !== 'ro' && mode !== 'rw') throw malformed();
    return { id: word(entry, 'id'), mode };
  });
}

function actor(from: JsonObject, depth = 0): ActorClaim {
  if (depth >= maxActors) throw malformed();
  const profile = actorProfiles.find((each) => each === from['sub_profile']);
  if (profile === undefined) throw malformed();
  const self = { sub: word(from, 'sub'), sub_profile: profile };
  return from['act'] === undefined ? self : { ...self, act: actor(inner(from, 'act'), depth + 1) };
}

function dispatchClaim(from: JsonObject): { id: string; h: string } {
  const value = inner(from, 'dsp');
  return { id: word(value, 'id'), h: word(value, 'h') };
}

function lease(from: JsonObject): { edge: string; epoch: number } {
  const value = inner(from, 'lease');
  return { edge: word(value, 'edge'), epoch: whole(value, 'epoch') };
}

function common(from: JsonObject) {
  return {
    iss: word(from, 'iss'),
    aud: word(from, 'aud'),
    sub: word(from, 'sub'),
    jti: word(from, 'jti'),
    iat: whole(from, 'iat'),
    exp: whole(from, 'exp'),
    org: word(from, 'org'),
    env: word(from, 'env'),
  };
}

const isScope = (value: unknown): value is Scope | '*' => value === '*' || scopes.some((scope) => scope === value);

function session(from: JsonObject): SessionClaims {
  return {
    ...common(from),
    class: 'session',
    key: word(from, 'key'),
    // A scope this build does not know grants nothing here.
    scope: list(from, 'scope').filter(isScope),
    name: text(from, 'name'),
    email: text(from, 'email'),
  };
}

/** Common claims of a token that stems from a launch. */
const launched = (from: JsonObject) => ({
  ...common(from),
  ...(from['key'] === undefined ? {} : { key: word(from, 'key') }),
  ...(from['grant'] === undefined ? {} : { grant: word(from, 'grant') }),
});

function intent(from: JsonObject): IntentClaims {
  return {
    ...launched(from),
    class: 'intent',
    txn: word(from, 'txn'),
    act: actor(inner(from, 'act')),
    wsp: workspaces(from),
    dsp: dispatchClaim(from),
    lease: lease(from),
  };
}

function dispatch(from: JsonObject): DispatchClaims {
  const context = inner(from, 'tctx');
  const net = inner(context, 'net');
  const author = inner(context, 'author');
  const evidence = inner(from, 'att');
  return {
    ...launched(from),
    class: 'dispatch',
    txn: word(from, 'txn'),
    req_wl: word(from, 'req_wl'),
    act: actor(inner(from, 'act')),
    cnf: { jkt: word(inner(from, 'cnf'), 'jkt') },
    tctx: {
      wsp: workspaces(context),
      dsp: dispatchClaim(context),
      role: text(context, 'role'),
      profile: text(context, 'profile'),
      tools_h: word(context, 'tools_h'),
      net: {
        provider: text(net, 'provider'),
        url: text(net, 'url'),
        credential: text(net, 'credential'),
        ...(net['dialect'] === undefined ? {} : { dialect: word(net, 'dialect') }),
      },
      lease: lease(context),
      author: { name: text(author, 'name'), email: text(author, 'email') },
    },
    att: { fmt: word(evidence, 'fmt'), ev: word(evidence, 'ev'), lvl: whole(evidence, 'lvl') },
  };
}

const parsers: { readonly [C in TokenClass]: (from: JsonObject) => Extract<Claims, { class: C }> } = {
  session,
  intent,
  dispatch,
};

/** The claims of a verified payload; throws `token.claims` when one is missing or misshapen. */
export const parseClaims = <C extends TokenClass>(tokenClass: C, payload: JsonObject): Extract<Claims, { class: C }> =>
  parsers[tokenClass](payload);
