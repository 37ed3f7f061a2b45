/** What a person may consent to: the request for a grant, checked. Pure. */

import type { CreateGrantRequest, GrantTerms, GrantTrigger } from '@sallyport/contracts/identity/v1/grant';
import type { WorkspaceClaim } from '@sallyport/core/claims';
import { isId, isSlug } from '@sallyport/core/ids';
import { signedClassTable } from '@sallyport/trust/token-class';
import { argumentInvalid } from '../faults.ts';
import { workspaceClaims } from '../launches/launch-facts.ts';
import { type TriggerKindName, triggerKinds } from './grant.ts';

const usualRuns = 10_000;
const usualPerDay = 1_000;
const mostRuns = 1_000_000;
const mostMounts = 64;
const longestSeconds = signedClassTable.grant.lifetimeSeconds;

export interface Consent {
  readonly trigger: {
    readonly kind: TriggerKindName;
    readonly id: string;
    readonly name: string;
    readonly specHash: string;
  };
  readonly mounts: readonly WorkspaceClaim[];
  readonly maxRuns: number;
  readonly maxPerDay: number;
  readonly ttlSeconds: number;
}

/** Throws `identity.argument` for what no grant can be. */
export function consentOf({ trigger, terms, mounts }: CreateGrantRequest): Consent {
  if (mounts.length > mostMounts) throw argumentInvalid('mounts', `at most ${mostMounts}`);
  return { trigger: triggerOf(trigger), mounts: workspaceClaims(mounts, 'mounts'), ...boundsOf(terms) };
}

export function triggerOf(trigger: GrantTrigger | undefined): Consent['trigger'] {
  const kind = triggerKinds.find((each) => each === trigger?.kind);
  if (trigger === undefined || kind === undefined) throw argumentInvalid('trigger.kind', triggerKinds.join(' or '));
  const { id, name, specHash } = trigger;
  if (!isId(kind, id)) throw argumentInvalid('trigger.id', `the id of a ${kind}`);
  if (!isSlug(name)) throw argumentInvalid('trigger.name', 'the name of the trigger');
  if (!/^[0-9a-f]{64}$/.test(specHash)) throw argumentInvalid('trigger.spec_hash', 'a SHA-256 in lower-case hex');
  return { kind, id, name, specHash };
}

function boundsOf(terms: GrantTerms | undefined): Pick<Consent, 'maxRuns' | 'maxPerDay' | 'ttlSeconds'> {
  const ttl = terms?.ttlSeconds ?? 0n;
  if (ttl < 0n) throw argumentInvalid('terms.ttl_seconds', '0 or more');
  return {
    maxRuns: count(terms?.maxRuns ?? 0n, 'terms.max_runs', usualRuns),
    maxPerDay: count(terms?.maxPerDay ?? 0n, 'terms.max_per_day', usualPerDay),
    ttlSeconds: ttl === 0n || ttl > BigInt(longestSeconds) ? longestSeconds : Number(ttl),
  };
}

function count(value: bigint, field: string, usual: number): number {
  if (value < 0n || value > BigInt(mostRuns)) throw argumentInvalid(field, `between 0 and ${mostRuns}`);
  return value === 0n ? usual : Number(value);
}
