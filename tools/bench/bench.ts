/**
 * How a figure is made: two arms, interleaved A B A B in the same minutes on the same machine; the first round is thrown away; the answer is the median
 * of the ratios of the rounds, and the worst of them. No tail is trimmed.
 */

import { loadavg } from 'node:os';
import type { StartedStack } from '../e2e/started-stack.ts';

export interface Figure {
  readonly id: string;
  readonly what: string;
  /** The bar as the ratio must stand to it. */
  readonly bar: { readonly atMost: number } | { readonly atLeast: number };
  readonly ratio: number;
  readonly worst: number;
  readonly rounds: readonly number[];
  /** What else is worth knowing: medians of the arms, stages. */
  readonly detail: Readonly<Record<string, number | string>>;
}

export interface Bench {
  readonly id: string;
  run(options: BenchOptions): Promise<Figure>;
}

/** A benchmark of the started product. */
export interface StackBench {
  readonly id: string;
  run(options: BenchOptions & { readonly stack: StartedStack }): Promise<Figure>;
}

export interface BenchOptions {
  /** Counted rounds beside the one thrown away. */
  readonly rounds: number;
}

export interface Arms {
  readonly ours: () => Promise<number>;
  readonly floor: () => Promise<number>;
}

export interface Interleaved {
  readonly ratios: readonly number[];
  readonly ours: readonly number[];
  readonly floor: readonly number[];
}

/** Runs both arms in turn; each answers its figure for the round. */
export async function interleave({ ours, floor }: Arms, rounds: number): Promise<Interleaved> {
  const seen: { ours: number; floor: number }[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const measured =
      round % 2 === 0 ? { ours: await ours(), floor: await floor() } : reversed(await floor(), await ours());
    if (round > 0) seen.push(measured);
  }
  return {
    ratios: seen.map((each) => each.ours / each.floor),
    ours: seen.map((each) => each.ours),
    floor: seen.map((each) => each.floor),
  };
}

const reversed = (floor: number, ours: number): { ours: number; floor: number } => ({ ours, floor });

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** A figure from interleaved rounds. */
export function figure(
  facts: Pick<Figure, 'id' | 'what' | 'bar'>,
  measured: Interleaved,
  detail: Figure['detail'] = {},
): Figure {
  const worst = 'atMost' in facts.bar ? Math.max(...measured.ratios) : Math.min(...measured.ratios);
  return {
    ...facts,
    ratio: median(measured.ratios),
    worst,
    rounds: measured.ratios,
    detail: { ours: median(measured.ours), floor: median(measured.floor), ...detail },
  };
}

export const holds = ({ bar, ratio }: Figure): boolean =>
  'atMost' in bar ? ratio <= bar.atMost : ratio >= bar.atLeast;

/** Milliseconds that each of `count` awaited calls takes. */
export async function timeEach(count: number, call: (index: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const started = performance.now();
    await call(index);
    times.push(performance.now() - started);
  }
  return times;
}

/** Load of the machine over the last minute, to stand beside the figures. */
export const load = (): number => loadavg()[0] ?? 0;
