/** Answers the newest checkpoint of an org's log, and waits a little for one that is not signed yet. */

import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Injectable } from '@nestjs/common';
import type { GetCheckpointResponseSchema } from '@sallyport/contracts/audit/v1/audit';
import { Clock } from '@sallyport/core/clock';
import { checkpointBehind } from '../faults.ts';
import { Logs } from '../log/logs.ts';

/** How long a size may be waited for. */
const longestWaitMs = 5_000;
/** Left for the answer to travel before the caller's own deadline. */
const marginMs = 250;

@Injectable()
export class GetCheckpoint {
  constructor(
    private readonly logs: Logs,
    private readonly clock: Clock,
  ) {}

  async execute(
    org: string,
    minSize: bigint,
    deadline: number,
  ): Promise<MessageInitShape<typeof GetCheckpointResponseSchema>> {
    const size = Number(minSize);
    const wait = Math.max(0, Math.min(longestWaitMs, deadline - this.clock.now() - marginMs));
    const stored = await this.logs.of(org).checkpoint(size, wait);
    if (stored === undefined) throw checkpointBehind(size);
    const { name, vkey } = this.logs.signerOf(org);
    return {
      checkpoint: {
        origin: name,
        size: BigInt(stored.size),
        root: stored.root.toString('hex'),
        note: stored.note,
        at: timestampFromMs(stored.at),
      },
      verifierKey: vkey,
    };
  }
}
