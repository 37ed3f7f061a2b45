/** Whatever keeps a model from answering. */

export interface Trouble {
  /** Stable: `model.unreachable`, `model.stream_cut`, `model.stream_broken`, `model.silent`, `model.busy`, `model.failing`, `model.refused`, `model.denied`. */
  readonly reason: string;
  readonly message: string;
  /** Whether the same call may go well later. */
  readonly again: boolean;
  /** Milliseconds that the provider asked to wait. */
  readonly waitMillis?: number;
}

export class ModelTrouble extends Error {
  override readonly name = 'ModelTrouble';
  readonly trouble: Trouble;

  constructor(trouble: Trouble, options?: ErrorOptions) {
    super(trouble.message, options);
    this.trouble = trouble;
  }
}

const shownBytes = 1000;

/** Seconds or an HTTP date, as RFC 9110 section 10.2.3 has it; a date needs the time and is passed over. */
const retryAfter = (value: string | undefined): { waitMillis?: number } => {
  const seconds = Number(value);
  return value !== undefined && value !== '' && seconds >= 0 ? { waitMillis: seconds * 1000 } : {};
};

/** A refusal by status. `denied` is the platform's own word for why bytes may not leave. */
export function troubleOf(
  status: number,
  headers: { retryAfter?: string | undefined; denied?: string | undefined },
  body: string,
): Trouble {
  const said = body.slice(0, shownBytes);
  if (headers.denied !== undefined && status < 500) {
    return { reason: 'model.denied', message: `egress denied the model: ${headers.denied}`, again: false };
  }
  if (status === 429)
    return { reason: 'model.busy', message: `429: ${said}`, again: true, ...retryAfter(headers.retryAfter) };
  if (status >= 500 || status === 408) {
    return { reason: 'model.failing', message: `${status}: ${said}`, again: true, ...retryAfter(headers.retryAfter) };
  }
  return { reason: 'model.refused', message: `${status}: ${said}`, again: false };
}
