/**
 * S1: from a run being accepted until its edge has the lease, against graphile-worker from `addJob` until the job starts, on the same Postgres.
 *
 * Ours begins with the time on the `run.accepted` record, which is taken before the accepting transaction commits, and ends when the call
 * that carries lease and token arrives at the runtime: a second subscription of the runtime's own bus user sees it as the runtime does.
 * Each begins when the stack has nothing left to tell of the one before; how it does under load is told by S4 and R2x.
 */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fromBinary } from '@bufbuild/protobuf';
import { rpcSubject } from '@sallyport/bus/subject';
import { CreateWorkloadRequestSchema } from '@sallyport/contracts/runtime/v1/runtime';
import { makeWorkerUtils } from 'graphile-worker';
import pg from 'pg';
import type { StartedStack } from '../e2e/started-stack.ts';
import { type Figure, figure, interleave, percentile, type StackBench } from './bench.ts';
import { forkPeer } from './peers/fork-peer.ts';
import { freshDatabase, spread, stackUrl } from './stack-postgres.ts';

const perRound = 40;

const now = (): number => performance.timeOrigin + performance.now();

/** Arrival of every offer at the runtime, by run. */
async function tapOffers(stack: StartedStack): Promise<ReadonlyMap<string, number>> {
  const arrived = new Map<string, number>();
  const bus = await stack.bus('runtime');
  bus.nats.subscribe(rpcSubject('runtime', 'scheduler', 'CreateWorkload'), {
    callback: (error, message) => {
      const at = now();
      if (error !== null) return;
      const run = fromBinary(CreateWorkloadRequestSchema, message.data).unit?.run ?? '';
      if (!arrived.has(run)) arrived.set(run, at);
    },
  });
  await bus.nats.flush();
  return arrived;
}

interface Accepted {
  readonly items: readonly { readonly kind: string; readonly time: string }[];
}

async function ours(stack: StartedStack, arrived: ReadonlyMap<string, number>, asked: number[]): Promise<number> {
  const begun = now();
  const { id } = await stack.exec(['true']);
  await stack.ended(id);
  const { items } = await stack.rest.get<Accepted>(`/v1/audit/events?run=${id}&kind=run.accepted`);
  const accepted = items.find((event) => event.kind === 'run.accepted');
  const at = arrived.get(id);
  if (accepted === undefined || at === undefined) throw new Error(`run ${id} was not seen on its way`);
  asked.push(at - begun);
  return at - Date.parse(accepted.time);
}

/** The peer: a worker in its own process, and a way to ask it for one job. */
class GraphileWorker {
  readonly #child: ChildProcess;
  readonly #utils: Awaited<ReturnType<typeof makeWorkerUtils>>;
  readonly #waiting = new Map<string, (at: number) => void>();

  private constructor(child: ChildProcess, utils: Awaited<ReturnType<typeof makeWorkerUtils>>) {
    this.#child = child;
    this.#utils = utils;
    child.on('message', (message: { started?: string; at?: number }) => {
      if (message.started !== undefined) this.#waiting.get(message.started)?.(message.at ?? Number.NaN);
    });
  }

  static async start(url: string): Promise<GraphileWorker> {
    const utils = await makeWorkerUtils({ connectionString: url });
    await utils.migrate();
    const child = await forkPeer('graphile-worker.ts', [url]);
    return new GraphileWorker(child, utils);
  }

  async addToStart(id: string): Promise<number> {
    const started = new Promise<number>((resolve) => this.#waiting.set(id, resolve));
    // The record of an accepted run has whole milliseconds, rounded down: both arms begin on the same clock.
    const begun = Math.floor(now());
    await this.#utils.addJob('bench', { id });
    return (await started) - begun;
  }

  async stop(): Promise<void> {
    this.#child.disconnect();
    await once(this.#child, 'exit');
    await this.#utils.release();
  }
}

export const s1: StackBench = {
  id: 'S1',
  async run({ rounds, stack }): Promise<Figure> {
    const arrived = await tapOffers(stack);
    const db = new pg.Client({ connectionString: stackUrl(stack, 'sallyport') });
    await db.connect();
    const peer = await GraphileWorker.start(await freshDatabase(stack, 'bench_graphile'));
    const samples = { ours: [] as number[], floor: [] as number[] };
    const asked: number[] = [];
    const repeat = async (into: number[], one: (index: number) => Promise<number>): Promise<number> => {
      const times: number[] = [];
      for (let index = 0; index < perRound; index += 1) {
        await spread(db);
        times.push(await one(index));
      }
      into.push(...times);
      return percentile(times, 0.5);
    };
    let job = 0;
    const measured = await interleave(
      {
        ours: () => repeat(samples.ours, () => ours(stack, arrived, asked)),
        floor: () => repeat(samples.floor, () => peer.addToStart(`job-${(job += 1)}`)),
      },
      rounds,
    );
    await peer.stop();
    await db.end();
    // The first round of both arms is thrown away here too.
    const late = (times: readonly number[]): number => percentile(times.slice(perRound), 0.99);
    const tails = { ours: late(samples.ours), peer: late(samples.floor) };
    return figure(
      { id: 'S1', what: 'run accepted to the edge has its lease / graphile-worker add to start', bar: { atMost: 1.0 } },
      measured,
      {
        unit: 'ms',
        'p99 ratio (bar <= 0.5)': tails.ours / tails.peer,
        'p99 ours': tails.ours,
        'p99 peer': tails.peer,
        samples: samples.ours.length - perRound,
        'POST sent to lease at the edge': percentile(asked, 0.5),
      },
    );
  },
};
