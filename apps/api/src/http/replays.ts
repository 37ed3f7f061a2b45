/**
 * Answers by Idempotency-Key, for mutations whose service keeps no keys of its own. They live as long as this process and
 * at most a day; a run's key is kept by the scheduler, durably.
 */

import { Injectable } from '@nestjs/common';
import { canonicalHash, sha256Hex } from '@sallyport/core/canonical';
import { Clock } from '@sallyport/core/clock';
import { InvalidRequest, idempotencyInFlight, idempotencyMismatch } from '../faults.ts';

const keptMs = 24 * 60 * 60 * 1000;
const capacity = 5_000;
const largestBytes = 64 * 1024;

interface Kept {
  readonly print: string;
  readonly until: number;
  readonly answer: { readonly status: number; readonly headers: [string, string][]; readonly body: string } | undefined;
}

/** What makes two requests the same one. */
export interface ReplayRequest {
  readonly credential: string;
  readonly key: string;
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

@Injectable()
export class Replays {
  private readonly kept = new Map<string, Kept>();

  constructor(private readonly clock: Clock) {}

  /**
   * Does the work once; the same request again gets the same answer, another one under the same key is refused. `vouch` throws for
   * a credential that no longer counts, which gets no kept answer either.
   */
  async once(request: ReplayRequest, work: () => Promise<Response>, vouch: () => Promise<void>): Promise<Response> {
    if (!/^[\x21-\x7e]{1,255}$/.test(request.key)) {
      throw new InvalidRequest([
        { pointer: '/header/idempotency-key', detail: 'must be 1 to 255 printable characters' },
      ]);
    }
    const id = sha256Hex(`${request.credential}\n${request.key}`);
    const print = canonicalHash([request.method, request.path, request.body ?? null]);
    const known = this.kept.get(id);
    if (known !== undefined && known.until > this.clock.now()) {
      await vouch();
      return replay(known, print);
    }
    this.keep(id, { print, until: this.clock.now() + keptMs, answer: undefined });
    try {
      const response = await work();
      const body = await response.clone().text();
      const headers = [...response.headers.entries()];
      if (body.length > largestBytes) this.kept.delete(id);
      else
        this.keep(id, { print, until: this.clock.now() + keptMs, answer: { status: response.status, headers, body } });
      return response;
    } catch (error) {
      this.kept.delete(id);
      throw error;
    }
  }

  private keep(id: string, entry: Kept): void {
    this.kept.delete(id);
    this.kept.set(id, entry);
    const oldest = this.kept.keys().next();
    if (this.kept.size > capacity && oldest.done === false) this.kept.delete(oldest.value);
  }
}

function replay(known: Kept, print: string): Response {
  if (known.print !== print) throw idempotencyMismatch();
  if (known.answer === undefined) throw idempotencyInFlight();
  const { status, headers, body } = known.answer;
  return new Response(body, { status, headers: [...headers, ['idempotent-replayed', 'true']] });
}
