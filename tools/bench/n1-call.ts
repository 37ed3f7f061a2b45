/** N1: p50 of a service call over libs/bus against a raw NATS request and reply of the same bytes. */

import { create, toBinary } from '@bufbuild/protobuf';
import { busClient } from '@sallyport/bus/client';
import {
  EgressService,
  GetDecisionRequestSchema,
  GetDecisionResponseSchema,
} from '@sallyport/contracts/egress/v1/egress';
import { TestIssuer } from '@sallyport/testkit/issuer';
import { testBus } from '@sallyport/testkit/nats';
import { hostService } from '@sallyport/testkit/service';
import { type Bench, figure, interleave, median, timeEach } from './bench.ts';
import { EchoModule, echoed } from './echo-service.ts';

const calls = 2_000;

export const n1: Bench = {
  id: 'N1',
  async run({ rounds }) {
    const bus = await testBus();
    const issuer = await TestIssuer.create();
    const serving = await bus.connect('egress');
    const hosted = await hostService({
      name: 'egress',
      module: EchoModule,
      bus: serving,
      verifier: await issuer.verifier('egress'),
    });
    const asking = await bus.connect('api');
    const client = busClient(asking, 'egress', EgressService);
    // The raw arm: same users, same permissions, same bytes both ways, no contract, no Nest.
    const rawServer = await bus.connect('audit');
    const reply = toBinary(GetDecisionResponseSchema, create(GetDecisionResponseSchema, echoed));
    rawServer.nats.subscribe('rpc.audit.v1.*.*', { callback: (_, message) => void message.respond(reply) });
    await rawServer.nats.flush();
    const body = toBinary(GetDecisionRequestSchema, create(GetDecisionRequestSchema, { id: 'dec_1' }));
    try {
      const measured = await interleave(
        {
          ours: async () => median(await timeEach(calls, () => client.getDecision({ id: 'dec_1' }))),
          floor: async () =>
            median(
              await timeEach(calls, () =>
                asking.nats.request('rpc.audit.v1.api.GetDecision', body, { timeout: 5_000 }),
              ),
            ),
        },
        rounds,
      );
      return figure(
        { id: 'N1', what: 'service call p50 / raw NATS request of the same bytes', bar: { atMost: 1.5 } },
        measured,
        { unit: 'ms' },
      );
    } finally {
      await hosted.close();
      await bus.close();
    }
  },
};
