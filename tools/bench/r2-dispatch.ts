/** R2: from the API's accept to the first byte of the agent, against bare bubblewrap of the same argv. R2x: sixteen at a time. */

import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StartedStack } from '../e2e/started-stack.ts';
import { bareCommand, bareRun } from './bare-sandbox.ts';
import { figure, interleave, median, type StackBench } from './bench.ts';

const runsPerRound = 8;
/** The first event that an agent emits, whatever its runner; it is what the floor stops at too. */
const firstType = 'input.taken';

/** Milliseconds from sending the request to the first agent event on the run's stream. */
export async function firstAgentByte(stack: StartedStack, stages: Map<string, number[]>): Promise<number> {
  const started = performance.now();
  const run = await stack.create({ role: 'editor', task: '<script>[{"text":"hello"}]</script>' });
  const response = await stack.rest.raw('GET', `/v1/runs/${run.id}/events?deltas=1`, undefined, {
    accept: 'text/event-stream',
  });
  let took = Number.NaN;
  let buffered = '';
  for await (const chunk of response.body ?? []) {
    buffered += Buffer.from(chunk).toString();
    const types = [...buffered.matchAll(/^event: (.+)$/gm)].map((match) => match[1] ?? '');
    if (Number.isNaN(took) && types.includes(firstType)) took = performance.now() - started;
    if (types.includes('end')) break;
  }
  for (const match of buffered.matchAll(/^event: stage\.reached\ndata: (.+)$/gm)) {
    const { data } = JSON.parse(match[1] ?? '{}') as { data: { stage: string; took_micros: number } };
    stages.set(data.stage, [...(stages.get(data.stage) ?? []), data.took_micros / 1000]);
  }
  return took;
}

/** The work of the native loop, as the product gives it out. */
export const native = {
  runner: 'native',
  start: { inline: 'hello' },
  modelUrl: 'http://model.sallyport.internal',
  model: 'scripted',
  dialect: 'DIALECT_ANTHROPIC_MESSAGES',
  directory: '/tmp',
};

export const r2: StackBench = {
  id: 'R2',
  async run({ rounds, stack }) {
    const stages = new Map<string, number[]>();
    const repeat = async (one: () => Promise<number>): Promise<number> => {
      const times: number[] = [];
      for (let index = 0; index < runsPerRound; index += 1) times.push(await one());
      return median(times);
    };
    const measured = await interleave(
      {
        ours: () => repeat(() => firstAgentByte(stack, stages)),
        floor: () => repeat(async () => (await bareRun(native, 'event')).firstEventMs),
      },
      rounds,
    );
    const detail = Object.fromEntries([...stages].map(([stage, times]) => [`${stage} ms`, median(times)]));
    return figure(
      { id: 'R2', what: 'API accept to first agent byte / bare bwrap of the same argv', bar: { atMost: 1.5 } },
      measured,
      { unit: 'ms', ...detail },
    );
  },
};

const together = 16;
const batch = 64;

async function inParallel(one: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  let left = batch;
  await Promise.all(
    Array.from({ length: together }, async () => {
      while (left > 0) {
        left -= 1;
        await one();
      }
    }),
  );
  return batch / ((performance.now() - started) / 1000);
}

/** Durable writes of one dispatch in the product: accept, lease, journal twice, intent, end. */
const fsyncs = 6;

function syncing(): { write(): void; close(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'sally-fsync-'));
  const file = openSync(join(directory, 'log'), 'a');
  const page = Buffer.alloc(4096);
  return {
    write: () => {
      for (let index = 0; index < fsyncs; index += 1) {
        writeSync(file, page);
        fdatasyncSync(file);
      }
    },
    close: () => {
      closeSync(file);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export const r2x: StackBench = {
  id: 'R2x',
  async run({ rounds, stack }) {
    const disk = syncing();
    const exec = { runner: 'exec', argv: ['true'], directory: '/tmp' };
    const bareTrue = await inParallel(() => bareCommand(['true']));
    const measured = await interleave(
      {
        ours: () => inParallel(async () => stack.ended((await stack.exec(['true'])).id)),
        floor: () =>
          inParallel(async () => {
            disk.write();
            await bareRun(exec, 'end');
          }),
      },
      rounds,
    );
    disk.close();
    return figure(
      {
        id: 'R2x',
        what: '16 at a time, exec true: dispatches/s / bare bwrap of the same argv with the same fsyncs',
        bar: { atLeast: 0.5 },
      },
      measured,
      {
        unit: '1/s',
        'bare bwrap true without an agent': bareTrue,
      },
    );
  },
};
