/** A person's consent to a trigger as it is: a grant by identity, kept with the trigger it is for. */

import { Injectable } from '@nestjs/common';
import type { Grant, GrantTerms } from '@sallyport/contracts/identity/v1/grant';
import type { ConsentTriggerRequest } from '@sallyport/contracts/schedule/v1/trigger';
import type { Mount } from '@sallyport/contracts/unit/v1/unit';
import type { SessionClaims } from '@sallyport/core/claims';
import { Store } from '@sallyport/store/store';
import { conflict, roleNotFound, triggerNotFound } from '../faults.ts';
import { Peers } from '../peers.ts';
import { RoleStore } from '../roles/role.store.ts';
import { consentMissing, consentOutdated, kindUnknown } from '../trigger-faults.ts';
import { checkWithRole } from './check-template.ts';
import { TriggerStore } from './trigger.store.ts';
import type { Trigger, TriggerKind } from './trigger.ts';

const grantMs = 5_000;

/** Throws unless the session may give grants; asked before anything changes. */
export function checkMayConsent({ scope }: SessionClaims): void {
  if (!scope.includes('*') && !scope.includes('grant:write')) throw consentMissing();
}

export const triggerKind = (kind: string): TriggerKind => {
  if (kind !== 'schedule' && kind !== 'subscription') throw kindUnknown(kind);
  return kind;
};

@Injectable()
export class GiveConsent {
  constructor(
    private readonly store: Store,
    private readonly triggers: TriggerStore,
    private readonly roles: RoleStore,
    private readonly peers: Peers,
  ) {}

  /** Consents to a trigger by name, if it still is what the person was shown. */
  async toShown(request: ConsentTriggerRequest, claims: SessionClaims, token: string): Promise<Grant> {
    const kind = triggerKind(request.kind);
    const named = { environment: claims.env, kind, name: request.name };
    const trigger = await this.store.tx(claims.org, (db) => this.triggers.find(db, named));
    if (trigger === undefined) throw triggerNotFound(kind, request.name);
    if (trigger.specHash !== request.specHash) throw consentOutdated(trigger.specHash);
    return (await this.execute(trigger, request.terms, claims, token)).grant;
  }

  /** Consents to a trigger as it was read. An edit in between leaves it without consent. */
  async execute(
    trigger: Trigger,
    terms: GrantTerms | undefined,
    claims: SessionClaims,
    token: string,
  ): Promise<{ grant: Grant; trigger: Trigger }> {
    checkMayConsent(claims);
    const mounts = await this.#mountsOf(trigger);
    const { grant } = await this.peers.identity.createGrant(
      {
        trigger: { kind: trigger.kind, id: trigger.id, specHash: trigger.specHash, name: trigger.name },
        ...(terms === undefined ? {} : { terms }),
        mounts: [...mounts],
      },
      { token, timeoutMs: grantMs },
    );
    if (grant === undefined) throw new Error(`identity answered no grant for ${trigger.id}`);
    const given = { grant: grant.id, specHash: trigger.specHash, subject: claims.sub };
    const kept = await this.store.tx(trigger.org, (db) => this.triggers.keepGrant(db, trigger.id, given));
    if (kept === undefined) throw conflict(trigger.id);
    return { grant, trigger: kept };
  }

  /** Everything its runs would mount today: a role that gains a mount later needs consent again. */
  async #mountsOf({ org, environment, template }: Trigger): Promise<readonly Mount[]> {
    const name = template.role;
    const role = name === '' ? undefined : await this.store.tx(org, (db) => this.roles.get(db, environment, name));
    if (name !== '' && role === undefined) throw roleNotFound(name);
    return checkWithRole(template, role, '/run');
  }
}
