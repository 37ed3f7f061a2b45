/** Tells verifiers of a raised epoch right after it was committed. A lost push costs them one poll, half a second. */

import { Injectable } from '@nestjs/common';
import { Bus } from '@sallyport/bus/connection';
import { publish } from '@sallyport/bus/events';
import { epochChanged } from '@sallyport/bus/subject';
import { EpochSchema } from '@sallyport/contracts/identity/v1/identity';
import { Log } from '@sallyport/service/log';
import type { EpochRecord } from '@sallyport/trust/epoch-ring';
import { epochToWire } from './epoch-wire.ts';

@Injectable()
export class EpochFeed {
  constructor(
    private readonly bus: Bus,
    private readonly log: Log,
  ) {}

  push(epoch: EpochRecord): void {
    try {
      publish(this.bus, epochChanged, EpochSchema, epochToWire(epoch));
    } catch (error) {
      this.log.warn({ error }, 'a raised epoch was not pushed; verifiers learn of it by their poll');
    }
  }
}
