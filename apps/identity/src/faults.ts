/** Every reason identity refuses for. */

import { Fault } from '@sallyport/core/fault';

export const argumentInvalid = (field: string, wanted: string): Fault =>
  new Fault('invalid_argument', 'identity.argument', `${field} must be ${wanted}`, { field });

export const orgUnknown = (org: string): Fault =>
  new Fault('not_found', 'identity.org_unknown', `there is no org ${org}; create it first`, { org });

export const environmentUnknown = (environment: string): Fault =>
  new Fault(
    'not_found',
    'identity.environment_unknown',
    `there is no environment ${environment} in this org; create it first`,
    { environment },
  );

export const principalUnknown = (principal: string): Fault =>
  new Fault(
    'not_found',
    'identity.principal_unknown',
    `there is no principal ${principal} in this org; list them to find the right one`,
    { principal },
  );

export const keyUnknown = (id: string): Fault =>
  new Fault(
    'not_found',
    'identity.key_unknown',
    `there is no API key ${id} in this org; list them to find the right one`,
    { id },
  );

/** Unknown, revoked, expired and malformed keys are told apart by nobody outside. */
export const keyInvalid = (): Fault =>
  new Fault(
    'unauthenticated',
    'identity.key_invalid',
    'the API key does not open a session; check it, or make a new one',
  );

export const revokeTargetUnknown = (id: string): Fault =>
  new Fault('not_found', 'identity.revoke_unknown', `there is nothing named ${id} in this org to revoke`, { id });

export const launchUnknown = (run: string): Fault =>
  new Fault('not_found', 'identity.launch_unknown', `no launch of run ${run} was authorised in this org`, { run });

export const launchTaken = (run: string): Fault =>
  new Fault(
    'already_exists',
    'identity.launch_taken',
    `run ${run} was authorised with another unit; use a new run id`,
    { run },
  );

export const launchEnded = (run: string): Fault =>
  new Fault('failed_precondition', 'identity.launch_ended', `run ${run} has ended; nothing is minted for it again`, {
    run,
  });

export const identityMismatch = (field: string): Fault =>
  new Fault(
    'permission_denied',
    'identity.identity_mismatch',
    `the unit's ${field} is not the session's; a session launches for itself only`,
    { field },
  );

export const unitMismatch = (run: string): Fault =>
  new Fault(
    'permission_denied',
    'identity.unit_mismatch',
    `the unit differs from the one authorised for run ${run}; only the dispatch id may`,
    { run },
  );

export const principalDisabled = (principal: string): Fault =>
  new Fault(
    'permission_denied',
    'identity.principal_disabled',
    `principal ${principal} is disabled; nothing runs on its behalf`,
    { principal },
  );

export const keyRevoked = (key: string): Fault =>
  new Fault(
    'permission_denied',
    'identity.key_revoked',
    `API key ${key}, which authorised the run, is revoked; launch again with another`,
    { key },
  );

export const epochStale = (dispatch: string): Fault =>
  new Fault(
    'failed_precondition',
    'identity.epoch_stale',
    `a newer attempt of dispatch ${dispatch} exists; this one is void`,
    { dispatch },
  );

export const dispatchTaken = (dispatch: string): Fault =>
  new Fault('already_exists', 'identity.dispatch_taken', `dispatch ${dispatch} belongs to another run; use a new id`, {
    dispatch,
  });

export const intentUsed = (): Fault =>
  new Fault(
    'failed_precondition',
    'identity.intent_used',
    'the intent token was exchanged before; each is good for one workload',
  );

export const intentUnknown = (): Fault =>
  new Fault(
    'not_found',
    'identity.intent_unknown',
    'no attempt belongs to this intent token; ask the scheduler for a new one',
  );

export const evidenceInvalid = (field: string): Fault =>
  new Fault(
    'invalid_argument',
    'identity.evidence_invalid',
    `the evidence's ${field} is missing or impossible; gather it from the substrate`,
    { field },
  );

export const proofKeyInvalid = (): Fault =>
  new Fault(
    'invalid_argument',
    'identity.proof_key_invalid',
    'the proof key is not a public P-256 JWK with exactly kty, crv, x and y',
  );

export const proofKeySeen = (): Fault =>
  new Fault(
    'already_exists',
    'identity.proof_key_seen',
    'the proof key was bound to a token before; make a new one for each workload',
  );

export const processBound = (): Fault =>
  new Fault(
    'already_exists',
    'identity.process_bound',
    'the process in the evidence already has a dispatch token; attest the workload itself',
  );

export const attestationUnknown = (dispatch: string): Fault =>
  new Fault('not_found', 'identity.attestation_unknown', `dispatch ${dispatch} has no attested workload to renew for`, {
    dispatch,
  });

export const evidenceChanged = (changed: readonly string[]): Fault =>
  new Fault(
    'permission_denied',
    'identity.evidence_changed',
    'the evidence is not that of the attested workload; its token is not renewed',
    {
      changed: changed.join(','),
    },
  );

export const kekUnusable = (path: string, why: string): Fault =>
  new Fault(
    'failed_precondition',
    'identity.kek_unusable',
    `${path} ${why}; it must hold exactly 32 bytes that only its owner can read`,
    { path },
  );

export const signingKeySealed = (kid: string): Fault =>
  new Fault(
    'failed_precondition',
    'identity.signing_key_sealed',
    `signing key ${kid} does not open with this key encryption key; restore the file it was sealed with`,
    { kid },
  );

export const signingKeyMissing = (tokenClass: string): Fault =>
  new Fault(
    'unavailable',
    'identity.signing_key_missing',
    `no signing key for ${tokenClass} tokens is active; retry in a moment`,
    { class: tokenClass },
  );

export const grantUnknown = (grant: string): Fault =>
  new Fault(
    'not_found',
    'identity.grant_unknown',
    `there is no grant ${grant} in this environment; list them to find the right one`,
    { grant },
  );

export const grantScope = (scope: string): Fault =>
  new Fault(
    'permission_denied',
    'identity.grant_scope',
    `a grant cannot hand on ${scope}, which the key that gives it does not have; use a key that has it`,
    { scope },
  );

export const grantRevoked = (grant: string, why: string): Fault =>
  new Fault(
    'permission_denied',
    'identity.grant_revoked',
    `grant ${grant} is over (${why}); give consent again if the trigger should go on`,
    { grant, why },
  );

export const grantExpired = (grant: string): Fault =>
  new Fault('permission_denied', 'identity.grant_expired', `grant ${grant} has expired; give consent again`, { grant });

export const grantRightLost = (grant: string, key: string): Fault =>
  new Fault(
    'permission_denied',
    'identity.grant_right_lost',
    `grant ${grant} was given by API key ${key}, which is revoked, expired or may no longer ask for runs; give consent again with another`,
    { grant, key },
  );

export const grantTrigger = (grant: string, field: string): Fault =>
  new Fault(
    'permission_denied',
    'identity.grant_trigger',
    `grant ${grant} was given to another trigger; ${field} does not fit it`,
    { grant, field },
  );

export const grantChanged = (grant: string): Fault =>
  new Fault(
    'failed_precondition',
    'identity.grant_changed',
    `the trigger is not as it was when grant ${grant} was given; give consent to it as it is now`,
    { grant },
  );

export const grantSubject = (grant: string, field: string): Fault =>
  new Fault(
    'permission_denied',
    'identity.grant_subject',
    `the unit's ${field} is not that of grant ${grant}; a grant runs on behalf of who gave it, where it was given`,
    { grant, field },
  );

export const grantMounts = (grant: string, workspace: string): Fault =>
  new Fault(
    'permission_denied',
    'identity.grant_mounts',
    `grant ${grant} does not cover workspace ${workspace} in the mode the unit asks for`,
    { grant, workspace },
  );

export const grantSpent = (grant: string): Fault =>
  new Fault('failed_precondition', 'identity.grant_spent', `every run that grant ${grant} allows was used`, { grant });

export const grantDaySpent = (grant: string): Fault =>
  new Fault(
    'failed_precondition',
    'identity.grant_day_spent',
    `every run that grant ${grant} allows on one UTC day was used; the next day has new ones`,
    { grant },
  );
