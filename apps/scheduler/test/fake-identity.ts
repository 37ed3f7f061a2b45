/** Stands for identity: records launches and mints tokens that name what they are for. */

import { createHash } from 'node:crypto';
import { toJson } from '@bufbuild/protobuf';
import type { Bus } from '@sallyport/bus/connection';
import { IdentityService } from '@sallyport/contracts/identity/v1/identity';
import { type Unit, UnitSchema } from '@sallyport/contracts/unit/v1/unit';
import { tokenClasses } from '@sallyport/core/access';
import { canonicalHash, canonicalJson } from '@sallyport/core/canonical';
import { Fault } from '@sallyport/core/fault';
import { newId } from '@sallyport/core/ids';
import { fakePeer } from '@sallyport/testkit/fake-peer';
import type { TestIssuer } from '@sallyport/testkit/issuer';

export interface FakeIntent {
  readonly dispatch: string;
  readonly edge: string;
  readonly epoch: number;
  readonly hash: string;
}

export interface FakeGrant {
  readonly id: string;
  readonly trigger: string;
  readonly specHash: string;
  readonly mounts: readonly string[];
}

const hashOf = (unit: Unit): string => canonicalHash(toJson(UnitSchema, unit));

/** RFC 7638 section 3.2. */
function thumbprint(jwk: string): string {
  const { crv, kty, x, y } = JSON.parse(jwk) as Record<string, string>;
  return createHash('sha256').update(canonicalJson({ crv, kty, x, y })).digest('base64url');
}

export class FakeIdentity {
  /** Hash of the authorised envelope, by run. */
  readonly launches = new Map<string, string>();
  readonly ended: string[] = [];
  readonly sessions: string[] = [];
  /** Highest epoch minted, by dispatch. */
  readonly epochs = new Map<string, number>();
  /** Called before a method takes effect. */
  readonly before: {
    authorizeLaunch?: () => Promise<void>;
    mintIntent?: (() => Promise<void>) | undefined;
    endLaunch?: () => Promise<void>;
    authorizeFiring?: (() => Promise<void>) | undefined;
  } = {};
  /** Called when a method has taken effect and before it is answered. */
  readonly after: { authorizeFiring?: (() => Promise<void>) | undefined } = {};
  #keys: readonly { kid: string; class: string; jwk: string }[] = [];
  refuseLaunch: Fault | undefined;
  refuseMint: Fault | undefined;
  /** Every grant given, newest last. */
  readonly grants: FakeGrant[] = [];
  /** Runs authorised on grants: each is counted once. */
  readonly firings = new Map<string, string>();
  readonly endedGrants: string[] = [];
  refuseFiring: Fault | undefined;
  /** Authorises and then loses the answer, so many times. */
  muteFirings = 0;

  /** Publishes the keys of a test chain, for a scheduler in a process of its own. */
  publishKeys(issuer: TestIssuer): void {
    this.#keys = tokenClasses.map((tokenClass) => {
      const jwk = issuer.publicJwk(tokenClass);
      return { kid: thumbprint(jwk), class: tokenClass, jwk };
    });
  }

  async serve(bus: Bus): Promise<void> {
    await fakePeer(bus, IdentityService, {
      listPublicKeys: async () => ({ issuer: 'sallyport:identity', keys: [...this.#keys] }),
      listEpochs: async () => ({ epochs: [], version: 0n }),
      authorizeLaunch: async ({ unit, attempt }, call) => {
        await this.before.authorizeLaunch?.();
        if (this.refuseLaunch !== undefined) throw this.refuseLaunch;
        if (unit === undefined) throw new Fault('invalid_argument', 'identity.unit', 'no unit');
        this.sessions.push(call.token ?? '');
        this.launches.set(unit.run, hashOf(unit));
        if (attempt === undefined) return { run: unit.run };
        const { dispatch, edge, epoch } = attempt;
        return { run: unit.run, intent: this.#mint({ ...unit, dispatch }, edge, Number(epoch)) };
      },
      mintIntent: async ({ unit, edge, epoch }) => {
        await this.before.mintIntent?.();
        if (this.refuseMint !== undefined) throw this.refuseMint;
        if (unit === undefined || this.launches.get(unit.run) !== hashOf({ ...unit, dispatch: '' })) {
          throw new Fault('permission_denied', 'identity.launch_unknown', 'no such launch');
        }
        return { token: this.#mint(unit, edge, Number(epoch)) };
      },
      createGrant: async ({ trigger, mounts }) => {
        const grant = {
          id: newId('grant', Date.now()),
          trigger: trigger?.id ?? '',
          specHash: trigger?.specHash ?? '',
          mounts: mounts.map(({ workspace, mode }) => `${workspace}:${mode}`),
        };
        this.grants.push(grant);
        return { grant: { id: grant.id, ...(trigger === undefined ? {} : { trigger }), mounts } };
      },
      authorizeFiring: async ({ unit, trigger }) => {
        await this.before.authorizeFiring?.();
        if (this.refuseFiring !== undefined) throw this.refuseFiring;
        if (unit === undefined) throw new Fault('invalid_argument', 'identity.unit', 'no unit');
        const grant = this.grants.findLast((each) => each.trigger === trigger?.id);
        if (grant === undefined || unit.trigger?.grant !== grant.id || grant.specHash !== trigger?.specHash)
          throw new Fault('permission_denied', 'identity.grant_replaced', 'not this grant');
        const before = this.firings.get(unit.run);
        if (before !== undefined && before !== hashOf(unit))
          throw new Fault('already_exists', 'identity.launch_taken', 'another unit');
        this.firings.set(unit.run, hashOf(unit));
        this.launches.set(unit.run, hashOf(unit));
        await this.after.authorizeFiring?.();
        if (this.muteFirings > 0) {
          this.muteFirings -= 1;
          throw new Fault('deadline_exceeded', 'bus.timeout', 'the answer is lost');
        }
        return { run: unit.run };
      },
      endGrants: async ({ id }) => {
        this.endedGrants.push(id);
        return {};
      },
      endLaunch: async ({ run }) => {
        await this.before.endLaunch?.();
        this.ended.push(run);
        return {};
      },
    });
  }

  #mint(unit: Unit, edge: string, epoch: number): string {
    if ((this.epochs.get(unit.dispatch) ?? 0) >= epoch)
      throw new Fault('failed_precondition', 'identity.epoch', 'epoch is used');
    this.epochs.set(unit.dispatch, epoch);
    const intent: FakeIntent = { dispatch: unit.dispatch, edge, epoch, hash: hashOf(unit) };
    return JSON.stringify(intent);
  }
}
