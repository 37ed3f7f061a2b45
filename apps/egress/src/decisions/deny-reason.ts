/** Why a connection is denied, in the words agents, people and the audit log see. Closed by the contract. */

import { DenyReason } from '@sallyport/contracts/egress/v1/egress';

interface Row {
  readonly wire: DenyReason;
  /** HTTP status of the answer. */
  readonly status: number;
  readonly detail: string;
}

export const denyReasons = {
  host_not_allowed: {
    wire: DenyReason.HOST_NOT_ALLOWED,
    status: 403,
    detail: 'This run may not reach this host. What a role may reach is decided outside the sandbox.',
  },
  port_not_allowed: {
    wire: DenyReason.PORT_NOT_ALLOWED,
    status: 403,
    detail: 'This run may reach this host on another port only.',
  },
  tls_not_allowed: {
    wire: DenyReason.TLS_NOT_ALLOWED,
    status: 403,
    detail: 'This run may not reach this host over TLS.',
  },
  protocol_unknown: {
    wire: DenyReason.PROTOCOL_UNKNOWN,
    status: 400,
    detail: 'Only HTTP that can be inspected leaves the sandbox.',
  },
  host_malformed: {
    wire: DenyReason.HOST_MALFORMED,
    status: 400,
    detail: 'The host or the path can be read in more than one way.',
  },
  address_forbidden: {
    wire: DenyReason.ADDRESS_FORBIDDEN,
    status: 403,
    detail: 'The address is special: local, private, link-local, multicast or a metadata service.',
  },
  host_mismatch: {
    wire: DenyReason.HOST_MISMATCH,
    status: 421,
    detail: 'The Host header names another host than the connection was made to.',
  },
  audit_unavailable: {
    wire: DenyReason.AUDIT_UNAVAILABLE,
    status: 503,
    detail: 'The audit log cannot record, so nothing may leave. Try again later.',
  },
  run_not_active: {
    wire: DenyReason.RUN_NOT_ACTIVE,
    status: 403,
    detail: 'The run has ended or its rights were revoked.',
  },
  upstream_unreachable: {
    wire: DenyReason.UPSTREAM_UNREACHABLE,
    status: 502,
    detail: 'The request was allowed, but the endpoint did not answer.',
  },
  credential_missing: {
    wire: DenyReason.CREDENTIAL_MISSING,
    status: 403,
    detail:
      'The provider of this role needs a credential that the installation does not have. A person has to put it in.',
  },
  credential_forbidden: {
    wire: DenyReason.CREDENTIAL_FORBIDDEN,
    status: 403,
    detail: 'The credential of this role is bound to another endpoint than that of its provider.',
  },
} as const satisfies Readonly<Record<string, Row>>;

export type DenyWord = keyof typeof denyReasons;

/** The contract's value of a stored word. */
export const wireReason = (word: string): DenyReason =>
  Object.hasOwn(denyReasons, word) ? denyReasons[word as DenyWord].wire : DenyReason.UNSPECIFIED;
