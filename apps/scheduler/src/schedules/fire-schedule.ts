/** Fires a schedule now, beside the clock, on its grant. The same key is the same firing. */

import { Injectable } from '@nestjs/common';
import type { FireScheduleRequest, Firing } from '@sallyport/contracts/schedule/v1/trigger';
import type { SessionClaims } from '@sallyport/core/claims';
import { Clock } from '@sallyport/core/clock';
import { newId } from '@sallyport/core/ids';
import { Store } from '@sallyport/store/store';
import { textInvalid, triggerNotFound } from '../faults.ts';
import { FireTrigger } from '../firings/fire-trigger.ts';
import { firingWire } from '../firings/firing.ts';
import { isPrintable } from '../runs/check-fields.ts';
import { TriggerStore } from '../triggers/trigger.store.ts';

const maxKey = 255;

@Injectable()
export class FireSchedule {
  constructor(
    private readonly store: Store,
    private readonly triggers: TriggerStore,
    private readonly fire: FireTrigger,
    private readonly clock: Clock,
  ) {}

  async execute({ name, idempotencyKey }: FireScheduleRequest, { org, env }: SessionClaims): Promise<Firing> {
    if (idempotencyKey !== '' && !isPrintable(idempotencyKey, maxKey)) throw textInvalid('/idempotency_key', maxKey);
    const named = { environment: env, kind: 'schedule', name } as const;
    const trigger = await this.store.tx(org, (db) => this.triggers.find(db, named));
    if (trigger === undefined) throw triggerNotFound('schedule', name);
    const now = this.clock.now();
    const key = `now:${idempotencyKey || newId('firing', now)}`;
    return firingWire(await this.fire.execute({ org, trigger: trigger.id, key, due: now, cause: 'hand' }));
  }
}
