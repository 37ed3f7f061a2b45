/** The only error that crosses a service boundary, and the closed list of its codes. */

/** Canonical codes, named as gRPC names them. A new failure gets a new reason, never a new code. */
export const faultCodes = [
  'invalid_argument',
  'unauthenticated',
  'permission_denied',
  'not_found',
  'already_exists',
  'failed_precondition',
  'resource_exhausted',
  'aborted',
  'deadline_exceeded',
  'unavailable',
  'internal',
] as const;

export type FaultCode = (typeof faultCodes)[number];

/** HTTP status of each code, as google.rpc maps them. */
export const httpStatus = {
  invalid_argument: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  already_exists: 409,
  failed_precondition: 409,
  resource_exhausted: 429,
  aborted: 409,
  deadline_exceeded: 504,
  unavailable: 503,
  internal: 500,
} as const satisfies Record<FaultCode, number>;

/** Facts that help the caller act. Never a secret. */
export type FaultDetail = Readonly<Record<string, string>>;

const retryable: ReadonlySet<FaultCode> = new Set([
  'aborted',
  'deadline_exceeded',
  'unavailable',
  'resource_exhausted',
]);

/**
 * A refusal or failure with a stable reason.
 *
 * @remarks `reason` is `<service>.<what>`, never renamed and listed in `docs/faults/`. `message` says what failed, why and what to
 * do next, and is free to change. `cause` stays in this process: it is logged, never sent.
 */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;
  readonly reason: string;
  readonly detail: FaultDetail;

  constructor(code: FaultCode, reason: string, message: string, detail: FaultDetail = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.reason = reason;
    this.detail = detail;
  }

  /** Whether the same call may succeed later without a change. */
  get retryable(): boolean {
    return retryable.has(this.code);
  }

  /** Whatever was thrown, as a Fault; anything that is not one becomes `internal` with the original as cause. */
  static from(thrown: unknown): Fault {
    if (thrown instanceof Fault) return thrown;
    return new Fault(
      'internal',
      'core.internal',
      'the service failed in a way it did not expect; its log has the cause under the same trace id',
      {},
      { cause: thrown },
    );
  }
}

/** Narrows a word from outside to a code; an unknown word is `internal`. */
export const faultCode = (word: string): FaultCode => faultCodes.find((code) => code === word) ?? 'internal';
