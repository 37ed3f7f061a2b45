/** Every reason the API refuses with on its own account; a service's refusal keeps the service's reason. */

import { Fault } from '@sallyport/core/fault';

/** One thing wrong with a request, at a JSON Pointer (RFC 6901) into the body or behind `query`, `path` or `header`. */
export interface Violation {
  readonly pointer: string;
  readonly detail: string;
}

/** A refusal that names every violation at once. */
export class InvalidRequest extends Fault {
  readonly violations: readonly Violation[];

  constructor(violations: readonly Violation[]) {
    const first = violations[0];
    const sentence = first === undefined ? 'the request does not fit' : `${first.pointer}: ${first.detail}`;
    super('invalid_argument', 'api.invalid_request', `${sentence}; /openapi.json says what fits`);
    this.violations = violations;
  }
}

export const keyMissing = (): Fault =>
  new Fault('unauthenticated', 'api.key_missing', 'no API key came along; send `Authorization: Bearer sally_...`');

export const keyMalformed = (): Fault =>
  new Fault('unauthenticated', 'api.key_malformed', 'the Authorization header holds no API key of the form sally_...');

export const routeUnknown = (method: string, path: string): Fault =>
  new Fault('not_found', 'api.route_unknown', `there is no ${method} ${path}; /openapi.json lists every route`);

export const methodNotAllowed = (method: string, allow: string): Fault =>
  new Fault('invalid_argument', 'api.method_not_allowed', `${method} is not offered here; use ${allow}`, { allow });

export const hostNotServed = (host: string): Fault =>
  new Fault(
    'invalid_argument',
    'api.host_not_served',
    `this server does not answer as ${JSON.stringify(host)}; add the name to SALLY_API_HOSTS`,
    { host },
  );

export const bodyTooLarge = (limit: number): Fault =>
  new Fault(
    'resource_exhausted',
    'api.body_too_large',
    `the body is larger than the ${limit} bytes this route takes; a task text may have 262144`,
    { limit: String(limit) },
  );

export const taskTooLarge = (bytes: number, limit: number): Fault =>
  new Fault(
    'resource_exhausted',
    'api.task_too_large',
    `the task text has ${bytes} bytes and the limit is ${limit}; put the rest into a workspace`,
    { bytes: String(bytes), limit: String(limit) },
  );

export const mediaTypeUnsupported = (got: string, want: string): Fault =>
  new Fault(
    'invalid_argument',
    'api.media_type_unsupported',
    `the body is ${got || 'of no stated type'}; send ${want}`,
    { want },
  );

export const encodingUnsupported = (got: string, instead: string): Fault =>
  new Fault(
    'invalid_argument',
    'api.encoding_unsupported',
    `the content encoding ${got} is not taken; send ${instead}`,
  );

export const bodyMalformed = (want: string): Fault =>
  new Fault('invalid_argument', 'api.body_malformed', `the body is not ${want}`);

export const digestMismatch = (): Fault =>
  new Fault(
    'invalid_argument',
    'api.digest_mismatch',
    'the bytes that came do not have the stated SHA-256; send them again',
  );

export const pushRefused = (): Fault =>
  new Fault(
    'permission_denied',
    'api.push_refused',
    'workspaces are changed by runs, not by push; use `sally workspace import` for a new one',
  );

export const idempotencyMismatch = (): Fault =>
  new Fault(
    'failed_precondition',
    'api.idempotency_mismatch',
    'this Idempotency-Key came before with another request; take a new key',
  );

export const idempotencyInFlight = (): Fault =>
  new Fault(
    'aborted',
    'api.idempotency_in_flight',
    'the first request with this Idempotency-Key is not done; try again in a moment',
  );

export const tooManyStreams = (limit: number): Fault =>
  new Fault(
    'resource_exhausted',
    'api.too_many_streams',
    `this server already holds ${limit} open streams; close one or try later`,
    { limit: String(limit) },
  );

export const tooManyRequests = (): Fault =>
  new Fault(
    'resource_exhausted',
    'api.too_many_requests',
    'more requests without a key come from this address than are looked at; try again in a second',
  );

/** An org that is not the key's own, said as if nothing were there. */
export const workspaceUnknown = (): Fault =>
  new Fault(
    'not_found',
    'api.workspace_unknown',
    'there is no such workspace; `sally workspace ls` lists those the key may read',
  );

export const listenFailed = (host: string, port: number, taken: boolean, cause: unknown): Fault =>
  new Fault(
    'failed_precondition',
    'api.listen_failed',
    taken
      ? `port ${port} is taken; end what holds it or set SALLY_API_PORT`
      : `${host}:${port} cannot be listened on; set SALLY_API_HOST`,
    { host, port: String(port) },
    { cause },
  );
