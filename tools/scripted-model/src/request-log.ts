/** The last requests, for assertions: what a caller really sent, headers included. */

export interface LoggedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly dialect: string;
  readonly model: string;
  /** Tool results in the history. */
  readonly results: number;
  /** Turn that was chosen. */
  readonly turn: number;
  /** Status that was answered; 0 when the connection was cut. */
  readonly status: number;
  readonly body: unknown;
}

const kept = 1000;

export class RequestLog {
  private entries: LoggedRequest[] = [];

  add(entry: LoggedRequest): void {
    this.entries.push(entry);
    if (this.entries.length > kept) this.entries.shift();
  }

  all(): readonly LoggedRequest[] {
    return this.entries;
  }

  clear(): void {
    this.entries = [];
  }
}
