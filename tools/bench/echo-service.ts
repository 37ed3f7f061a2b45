/** The smallest service on the real transport, for the call benchmark. Decorators are applied as functions: this file runs unbuilt. */

import { Module } from '@nestjs/common';
import { BusController } from '@sallyport/bus/controller';
import type { Handlers } from '@sallyport/bus/handlers';
import { EgressService } from '@sallyport/contracts/egress/v1/egress';

/** What every call answers. */
export const echoed = {
  decision: {
    id: 'dec_1',
    org: 'acme',
    environment: 'main',
    run: 'run_1',
    dispatch: 'dsp_1',
    allowed: true,
    target: 'model.sallyport.internal:80',
    method: 'POST',
  },
};

class EchoRpc implements Handlers<typeof EgressService> {
  async resolve() {
    return { addresses: [], ttlSeconds: 0 };
  }

  async getDecision() {
    return echoed;
  }
}
BusController(EgressService, {
  resolve: { callers: ['runtime'], token: 'dispatch' },
  getDecision: { callers: ['api'], token: 'none' },
})(EchoRpc);

export class EchoModule {}
Module({ controllers: [EchoRpc] })(EchoModule);
