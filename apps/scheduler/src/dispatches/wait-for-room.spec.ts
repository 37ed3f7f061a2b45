import { create } from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import { UnitSchema } from '@sallyport/contracts/unit/v1/unit';
import { newRun } from '../runs/new-run.ts';
import { waitForRoom } from './dispatch.ts';

const minute = 60_000;
const { queued } = newRun(create(UnitSchema), 0, { queueMs: 10 * minute, lifetimeMs: minute });

const looks: readonly [string, number, number][] = [
  ['after the usual time at first', 1_000, 2_000],
  ['later the longer it has waited', 40_000, 50_000],
  ['after half a minute at the latest', 5 * minute, 5 * minute + 30_000],
  ['when its wait is over, and not behind it', 10 * minute - 5, 10 * minute],
];

test.each(looks)('a dispatch that waits for room is looked at %s', (_when, now, dueAt) => {
  expect(waitForRoom(queued, 'no_edge', now, 1_000)).toMatchObject({ state: 'queued', reason: 'no_edge', dueAt });
});
