/** Headers and fault bodies: everything of a message that is not the Protobuf payload. */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { FaultSchema } from '@sallyport/contracts/fault/v1/fault';
import { Fault, faultCode } from '@sallyport/core/fault';

export const header = {
  /** Wall time in milliseconds after which nobody waits. */
  deadline: 'Sally-Deadline',
  token: 'Authorization',
  proof: 'DPoP',
  /** W3C Trace Context. */
  trace: 'traceparent',
  faultCode: 'Sally-Fault-Code',
  faultReason: 'Sally-Fault-Reason',
} as const;

/** A fault as a reply: the body carries all of it, two headers repeat what a log needs. */
export function encodeFault(fault: Fault): { readonly body: Uint8Array; readonly headers: MsgHdrs } {
  const { code, reason, message, detail } = fault;
  const wire = headers();
  wire.set(header.faultCode, code);
  wire.set(header.faultReason, reason);
  return {
    body: toBinary(FaultSchema, create(FaultSchema, { code, reason, message, detail: { ...detail } })),
    headers: wire,
  };
}

/** The fault of a reply, or undefined when the reply is a success. */
export function decodeFault(body: Uint8Array, wire: MsgHdrs | undefined): Fault | undefined {
  if (wire === undefined || !wire.has(header.faultCode)) return undefined;
  const { code, reason, message, detail } = fromBinary(FaultSchema, body);
  return new Fault(faultCode(code), reason, message, detail);
}
