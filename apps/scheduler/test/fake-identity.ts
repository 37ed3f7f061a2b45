/** Stands for identity: records launches and mints tokens that name what they are for. */

import { toJson } from '@bufbuild/protobuf';
import type { Bus } from '@sallyport/bus/connection';
import { IdentityService } from '@sallyport/contracts/identity/v1/identity';
import { type Unit, UnitSchema } from '@sallyport/contracts/unit/v1/unit';
import { canonicalHash } from '@sallyport/core/canonical';
import { Fault } from '@sallyport/core/fault';
import { fakePeer } from './fake-peer.ts';

export interface FakeIntent {
  readonly dispatch: string;
  readonly edge: string;
  readonly epoch: number;
  readonly hash: string;
}

const hashOf = (unit: Unit): string => canonicalHash(toJson(UnitSchema, unit));

export class FakeIdentity {
  /** Hash of the authorised envelope, by run. */
  readonly launches = new Map<string, string>();
  readonly ended: string[] = [];
  readonly sessions: string[] = [];
  /** Highest epoch minted, by dispatch. */
  readonly epochs = new Map<string, number>();
  refuseLaunch: Fault | undefined;
  refuseMint: Fault | undefined;

  async serve(bus: Bus): Promise<void> {
    await fakePeer(bus, IdentityService, {
      authorizeLaunch: async ({ unit }, call) => {
        if (this.refuseLaunch !== undefined) throw this.refuseLaunch;
        if (unit === undefined) throw new Fault('invalid_argument', 'identity.unit', 'no unit');
        this.sessions.push(call.token ?? '');
        this.launches.set(unit.run, hashOf(unit));
        return { run: unit.run };
      },
      mintIntent: async ({ unit, edge, epoch }) => {
        if (this.refuseMint !== undefined) throw this.refuseMint;
        if (unit === undefined || this.launches.get(unit.run) !== hashOf({ ...unit, dispatch: '' })) {
          throw new Fault('permission_denied', 'identity.launch_unknown', 'no such launch');
        }
        if ((this.epochs.get(unit.dispatch) ?? 0) >= Number(epoch))
          throw new Fault('failed_precondition', 'identity.epoch', 'epoch is used');
        this.epochs.set(unit.dispatch, Number(epoch));
        const intent: FakeIntent = { dispatch: unit.dispatch, edge, epoch: Number(epoch), hash: hashOf(unit) };
        return { token: JSON.stringify(intent) };
      },
      endLaunch: async ({ run }) => {
        this.ended.push(run);
        return {};
      },
    });
  }
}
