/** W3C Trace Context (level 1) across the bus: the ambient span goes out, the caller's comes in. */

import { randomBytes } from 'node:crypto';
import type { MsgHdrs } from '@nats-io/transport-node';
import { type Context, context, propagation, type TextMapGetter, type TextMapSetter, trace } from '@opentelemetry/api';
import { header } from './wire.ts';

const getter: TextMapGetter<MsgHdrs> = {
  get: (carrier, key) => carrier.get(key) || undefined,
  keys: (carrier) => carrier.keys(),
};
const setter: TextMapSetter<MsgHdrs> = { set: (carrier, key, value) => carrier.set(key, value) };

const traceparent = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Writes the ambient trace, or the trace id in hand, into a request's headers. */
export function injectTrace(carrier: MsgHdrs, traceId?: string): void {
  propagation.inject(context.active(), carrier, setter);
  if (carrier.has(header.trace)) return;
  carrier.set(header.trace, `00-${traceId ?? newTraceId()}-${randomBytes(8).toString('hex')}-00`);
}

/** The context of a received request and its trace id; a malformed header starts a new trace. */
export function extractTrace(carrier: MsgHdrs | undefined): { readonly context: Context; readonly traceId: string } {
  if (carrier === undefined) return { context: context.active(), traceId: newTraceId() };
  const received = propagation.extract(context.active(), carrier, getter);
  const traceId =
    trace.getSpanContext(received)?.traceId ?? traceparent.exec(carrier.get(header.trace))?.[1] ?? newTraceId();
  return { context: received, traceId };
}

/** 32 lower-case hex characters. */
export const newTraceId = (): string => randomBytes(16).toString('hex');
