/** Grants given and used as the scheduler does it, on a running identity. */

import { fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { type Event, EventSchema } from '@sallyport/contracts/audit/v1/audit';
import type { Grant, GrantTermsSchema, GrantTriggerSchema } from '@sallyport/contracts/identity/v1/grant';
import { MountMode, TriggerKind, type Unit } from '@sallyport/contracts/unit/v1/unit';
import { systemClock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { ProofKey } from '@sallyport/trust/proof';
import { type Attested, type IdentityStory, type Seed, someEvidence } from './identity-story.ts';

export type TriggerInit = MessageInitShape<typeof GrantTriggerSchema> & { readonly kind: string; readonly id: string };

export const aTrigger = (kind: 'schedule' | 'subscription' = 'schedule'): TriggerInit => ({
  kind,
  id: newId(kind, systemClock.now()),
  specHash: 'a'.repeat(64),
  name: 'nightly',
});

export interface Given {
  readonly grant: Grant;
  readonly trigger: TriggerInit;
}

export class GrantStory {
  readonly identity: IdentityStory;

  constructor(identity: IdentityStory) {
    this.identity = identity;
  }

  /** Consent of a person to a trigger, over the workspaces that the story's units mount. */
  async give(
    seed: Seed,
    terms: MessageInitShape<typeof GrantTermsSchema> = {},
    trigger: TriggerInit = aTrigger(),
  ): Promise<Given> {
    const scheduler = await this.identity.as('scheduler');
    const mounts = [
      { workspace: 'company', mode: MountMode.RO },
      { workspace: 'demo', mode: MountMode.RW },
    ];
    const token = await this.identity.session(seed);
    const { grant } = await scheduler.createGrant({ trigger, terms, mounts }, { token });
    if (grant === undefined) throw new Error('no grant was answered');
    return { grant, trigger };
  }

  /** The unit of one firing. */
  firing(seed: Seed, { grant, trigger }: Given, change: Partial<Unit> = {}): Unit {
    const unit = this.identity.unit(seed, change);
    const kind = trigger.kind === 'schedule' ? TriggerKind.CRON : TriggerKind.EVENT;
    Object.assign(unit.identity ?? {}, { launcher: trigger.id });
    Object.assign(unit.trigger ?? {}, { kind, reference: 'tick-1', source: trigger.id, grant: grant.id });
    return unit;
  }

  async fire(unit: Unit, trigger: TriggerInit): Promise<string> {
    return (await (await this.identity.as('scheduler')).authorizeFiring({ unit, trigger })).run;
  }

  /** A dispatch token of a firing, by the whole way. */
  async attested(seed: Seed, given: Given): Promise<Attested> {
    const unit = this.firing(seed, given);
    await this.fire(unit, given.trigger);
    unit.dispatch = newId('dispatch', systemClock.now());
    const key = await ProofKey.generate();
    const evidence = someEvidence();
    const runtime = await this.identity.as('runtime');
    const token = await this.identity.intent(unit);
    const answer = await runtime.exchangeIntent({ evidence, proofJwk: key.publicJwk }, { token });
    return { token: answer.token, key, evidence, unit };
  }

  async read(seed: Seed, id: string): Promise<Grant> {
    const api = await this.identity.as('api');
    const { grant } = await api.getGrant({ id }, { token: await this.identity.session(seed, 'identity') });
    if (grant === undefined) throw new Error('no grant was answered');
    return grant;
  }

  async revoke(seed: Seed, id: string): Promise<void> {
    const api = await this.identity.as('api');
    await api.revokeGrant({ id }, { token: await this.identity.session(seed, 'identity') });
  }

  /** Events of one kind about a grant, as they wait for the log. */
  async events(org: string, kind: string, grant: string): Promise<Event[]> {
    const rows = await this.identity.database.store.tx(org, (db) =>
      db.query<{ payload: Buffer }>('SELECT payload FROM outbox ORDER BY position'),
    );
    return rows
      .map((row) => fromBinary(EventSchema, row.payload))
      .filter((event) => event.kind === kind && event.resource === `grant/${grant}`);
  }
}
