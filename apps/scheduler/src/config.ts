/** The scheduler's own variables: every bound of design, in milliseconds, with what it is when nobody says otherwise. */

import { z } from 'zod';
import type { Bounds } from './dispatches/dispatch.ts';

const ms = (usual: number): z.ZodDefault<z.ZodCoercedNumber<unknown>> =>
  z.coerce.number().int().positive().default(usual);

export const schedulerEnv = z.object({
  /** An offer that no edge took by then is void. Longer than minting plus the call that carries it. */
  SALLY_OFFER_MS: ms(10_000),
  /** A lease without a heartbeat of its edge. */
  SALLY_LEASE_MS: ms(15_000),
  SALLY_HEARTBEAT_MS: ms(5_000),
  SALLY_LOOK_MS: ms(1_000),
  /** Silence of an edge after which its work counts as lost. */
  SALLY_EDGE_LOST_MS: ms(60_000),
  /** Wait for an edge with room. */
  SALLY_QUEUE_MS: ms(600_000),
  /** Wait for the report of a workload that is seen to be over. */
  SALLY_REPORT_MS: ms(60_000),
  /** Beyond a unit's lifetime: start, grace and capture. */
  SALLY_MARGIN_MS: ms(120_000),
  /** Lifetime of a unit that leaves it to the profile: the most any profile grants. */
  SALLY_LIFETIME_MS: ms(86_400_000),
  /** A fire time this late is still on time; what is later falls under the schedule's misfire policy. */
  SALLY_MISFIRE_MS: ms(60_000),
  /** Between two sweeps. */
  SALLY_SWEEP_MS: ms(1_000),
  /** File of 32 random bytes, mode 0600, that seals the secrets of webhooks; without one there are no webhooks. */
  SALLY_SCHEDULER_KEK_FILE: z.string().default(''),
});

export type SchedulerConfig = z.infer<typeof schedulerEnv>;

export const boundsOf = (config: SchedulerConfig): Bounds => ({
  offerMs: config.SALLY_OFFER_MS,
  leaseMs: config.SALLY_LEASE_MS,
  lookMs: config.SALLY_LOOK_MS,
  lostMs: config.SALLY_EDGE_LOST_MS,
  queueMs: config.SALLY_QUEUE_MS,
  reportMs: config.SALLY_REPORT_MS,
  marginMs: config.SALLY_MARGIN_MS,
});
