/** Injection tokens of what has no class of its own. */

/** The substrates of this edge behind one port. */
export const BACKEND = Symbol('backend');

/** Path of egress's Unix socket. */
export const EGRESS_SOCKET = Symbol('egress socket');

/** Milliseconds between SIGTERM and SIGKILL. */
export const GRACE_MS = Symbol('grace');

/** Milliseconds for which a stopped workload's files are kept. */
export const RETENTION_MS = Symbol('retention');
