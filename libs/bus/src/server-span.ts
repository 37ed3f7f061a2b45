/** One SERVER span a call; costs nothing while no tracer is registered. */

import { type Context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { Fault } from '@sallyport/core/fault';

const tracer = trace.getTracer('sallyport.bus');

/** Runs work inside a span named for the method, as RPC semantic conventions have it. */
export function inServerSpan<T>(ambient: Context, method: string, caller: string, work: () => Promise<T>): Promise<T> {
  return tracer.startActiveSpan(
    method,
    { kind: SpanKind.SERVER, attributes: { 'rpc.system': 'sallyport', 'rpc.method': method, 'sally.caller': caller } },
    ambient,
    async (span) => {
      try {
        return await work();
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: Fault.from(error).reason });
        throw error;
      } finally {
        span.end();
      }
    },
  );
}
