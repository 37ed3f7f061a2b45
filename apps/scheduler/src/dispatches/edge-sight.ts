/** Asks the edge about a workload, and tells apart "it does not exist" from "nobody answered". */

import { Injectable } from '@nestjs/common';
import { type Workload, WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import { Fault } from '@sallyport/core/fault';
import { Peers } from '../peers.ts';
import type { Sight } from './decide.ts';
import type { Dispatch } from './dispatch.ts';

export interface Seen {
  readonly sight: Sight;
  /** Present when the edge knows the workload. */
  readonly workload: Workload | undefined;
}

const callMs = 3_000;

@Injectable()
export class EdgeSight {
  constructor(private readonly peers: Peers) {}

  look(dispatch: Dispatch): Promise<Seen> {
    return see(async () => (await this.peers.runtime.getWorkload({ id: dispatch.id }, { timeoutMs: callMs })).workload);
  }

  /** Tells the edge to stop it; what the edge answers is also a look. */
  stop(dispatch: Dispatch): Promise<Seen> {
    const why = dispatch.why === '' ? 'the scheduler ends it' : dispatch.why;
    return see(
      async () => (await this.peers.runtime.stopWorkload({ id: dispatch.id, why }, { timeoutMs: callMs })).workload,
    );
  }
}

async function see(ask: () => Promise<Workload | undefined>): Promise<Seen> {
  try {
    const workload = await ask();
    return { sight: sightOf(workload), workload };
  } catch (error) {
    const see = Fault.from(error).code === 'not_found' ? 'absence' : 'silence';
    return { sight: { see }, workload: undefined };
  }
}

function sightOf(workload: Workload | undefined): Sight {
  if (workload === undefined) return { see: 'silence' };
  const over = workload.state === WorkloadState.STOPPED || workload.state === WorkloadState.DESTROYED;
  return { see: over ? 'remains' : 'live', epoch: Number(workload.epoch) };
}
