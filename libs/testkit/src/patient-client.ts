/** A client that waits for hours, by any clock: what a test asks is answered or the test hangs. */

import type { DescService } from '@bufbuild/protobuf';
import { busClient } from '@sallyport/bus/client';
import type { Bus } from '@sallyport/bus/connection';
import type { BusClient, CallOptions } from '@sallyport/bus/handlers';
import type { Caller } from '@sallyport/core/access';

const timeoutMs = 24 * 60 * 60 * 1000;

type AnyCall = (request: unknown, options?: CallOptions) => Promise<unknown>;

/** As `busClient`; a callee whose clock is ahead by less than a day takes its calls too. */
export function patientClient<S extends DescService>(bus: Bus, target: Caller, service: S): BusClient<S> {
  const calls = Object.entries(busClient(bus, target, service)) as [string, AnyCall][];
  return Object.fromEntries(
    calls.map(([name, call]) => [name, (request: unknown, options = {}) => call(request, { timeoutMs, ...options })]),
  ) as BusClient<S>;
}
