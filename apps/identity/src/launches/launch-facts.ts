/** What identity keeps of a unit: hashes, and the facts its tokens state. Pure. */

import { toJson } from '@bufbuild/protobuf';
import { Dialect, type Mount, MountMode, type Unit, UnitSchema } from '@sallyport/contracts/unit/v1/unit';
import { canonicalHash } from '@sallyport/core/canonical';
import type { ActorClaim, DispatchClaims, SessionClaims, WorkspaceClaim } from '@sallyport/core/claims';
import { isId, isSlug } from '@sallyport/core/ids';
import { argumentInvalid, identityMismatch } from '../faults.ts';

/** Kept as JSON beside the launch. */
export interface LaunchFacts {
  readonly wsp: readonly WorkspaceClaim[];
  readonly role: string;
  readonly profile: string;
  readonly tools_h: string;
  readonly net: DispatchClaims['tctx']['net'];
  readonly act: ActorClaim;
}

/** SHA-256 of the whole envelope: the `dsp.h` claim. */
export const envelopeHash = (unit: Unit): string => canonicalHash(toJson(UnitSchema, unit));

/** SHA-256 of the envelope without its dispatch id: what is the same in every attempt of a run. */
export function attemptlessHash(unit: Unit): string {
  const { dispatch: _dispatch, ...rest } = toJson(UnitSchema, unit) as Readonly<Record<string, unknown>>;
  return canonicalHash(rest);
}

const modes: Readonly<Partial<Record<MountMode, WorkspaceClaim['mode']>>> = {
  [MountMode.RO]: 'ro',
  [MountMode.RW]: 'rw',
};

/** Mounts as tokens state them. Throws `identity.argument`, naming the field, for what cannot be mounted. */
export function workspaceClaims(mounts: readonly Mount[], field: string): WorkspaceClaim[] {
  const claims = mounts.map(({ workspace, mode }): WorkspaceClaim => {
    const word = modes[mode];
    if (word === undefined || !isSlug(workspace)) throw argumentInvalid(field, 'named workspaces, each ro or rw');
    return { id: workspace, mode: word };
  });
  if (new Set(claims.map((claim) => claim.id)).size !== claims.length) {
    throw argumentInvalid(field, 'free of repeated workspaces');
  }
  return claims;
}

const dialects: Readonly<Partial<Record<Dialect, string>>> = {
  [Dialect.ANTHROPIC_MESSAGES]: 'anthropic_messages',
  [Dialect.OPENAI_CHAT]: 'openai_chat',
  [Dialect.OPENAI_RESPONSES]: 'openai_responses',
  [Dialect.GEMINI]: 'gemini',
};

function dialectOf(dialect: Dialect | undefined): { readonly dialect?: string } {
  const word = dialect === undefined ? undefined : dialects[dialect];
  return word === undefined ? {} : { dialect: word };
}

/** The facts of a unit. Throws `identity.argument` when the unit cannot be authorised whoever asks. */
export function launchFacts(unit: Unit, act: ActorClaim): LaunchFacts {
  if (!isId('run', unit.run)) throw argumentInvalid('unit.run', 'a run id');
  const { provider } = unit;
  return {
    wsp: workspaceClaims(unit.mounts, 'unit.mounts'),
    role: unit.role,
    profile: unit.profile,
    tools_h: canonicalHash(unit.tools),
    net: {
      provider: provider?.name ?? '',
      url: provider?.baseUrl ?? '',
      credential: provider?.credential ?? '',
      ...dialectOf(provider?.dialect),
    },
    act,
  };
}

/** Throws `identity.identity_mismatch` unless the unit is launched by the session's principal for itself, where the session is. */
export function checkSessionOwns(session: SessionClaims, unit: Unit): void {
  const { org, environment, subject, launcher } = unit.identity ?? {};
  if (org !== session.org) throw identityMismatch('org');
  if (environment !== session.env) throw identityMismatch('environment');
  if (subject !== session.sub) throw identityMismatch('subject');
  if (launcher !== session.sub) throw identityMismatch('launcher');
}
