/** Who may call what of identity. */

import type { IdentityService } from '@sallyport/contracts/identity/v1/identity';
import { type AccessRow, type AccessTable, callers } from '@sallyport/core/access';

/** The person at the machine, who needs no token: there is none before the first key exists. */
const operator: AccessRow = { callers: ['operator'], token: 'none' };
const anyone: AccessRow = { callers, token: 'none' };

export const identityAccess: AccessTable<typeof IdentityService> = {
  ensureOrg: operator,
  ensurePrincipal: operator,
  createApiKey: operator,
  // Signing keys serve every org, so no org's session may turn them over.
  rotateKeys: operator,
  setPrincipalDisabled: { callers: ['api'], token: 'session', scope: 'principal:write' },
  listApiKeys: { callers: ['api'], token: 'session', scope: 'key:read' },
  revokeApiKey: { callers: ['api'], token: 'session', scope: 'key:write' },
  revoke: { callers: ['api'], token: 'session', scope: 'revoke:write' },
  openSession: { callers: ['api'], token: 'none' },
  authorizeLaunch: { callers: ['scheduler'], token: 'session', scope: 'run:create' },
  createGrant: { callers: ['scheduler'], token: 'session', scope: 'grant:write' },
  getGrant: { callers: ['api'], token: 'session', scope: 'grant:read' },
  listGrants: { callers: ['api'], token: 'session', scope: 'grant:read' },
  revokeGrant: { callers: ['api'], token: 'session', scope: 'grant:write' },
  endGrants: { callers: ['scheduler'], token: 'none' },
  authorizeFiring: { callers: ['scheduler'], token: 'none' },
  mintIntent: { callers: ['scheduler'], token: 'none' },
  endLaunch: { callers: ['scheduler'], token: 'none' },
  exchangeIntent: { callers: ['runtime'], token: 'intent' },
  renewDispatch: { callers: ['runtime'], token: 'dispatch' },
  listPublicKeys: anyone,
  listEpochs: anyone,
};

/** Methods whose token is addressed to the service that hands it on, and that audience. */
export const methodAudiences: Readonly<Record<string, string>> = {
  AuthorizeLaunch: 'sallyport:scheduler',
  CreateGrant: 'sallyport:scheduler',
  ExchangeIntent: 'sallyport:runtime',
};
