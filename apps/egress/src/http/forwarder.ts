/** Carries one allowed request to the provider and its answer back, both as they come. */

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Injectable } from '@nestjs/common';
import { Clock } from '@sallyport/core/clock';
import { type Dispatcher, request as dial } from 'undici';
import type { Injection } from '../credentials/credentials.ts';
import { decodersOf } from '../credentials/plain-body.ts';
import { Scrub } from '../credentials/scrub.ts';
import type { DenyWord } from '../decisions/deny-reason.ts';
import { AddressForbidden, Dialer } from '../upstream/dialer.ts';
import { requestHeaders, responseHeaders, scrubbedHeaders } from './headers.ts';

export interface Passage {
  readonly url: URL;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly decision: string;
  /** The provider's credential, when it needs one. */
  readonly injection: Injection | undefined;
  /** Fires when the run's rights are gone. */
  readonly exchange: AbortController;
}

export interface Passed {
  readonly facts: Readonly<Record<string, string>>;
  /** Why it came to no end of its own. */
  readonly failed?: DenyWord;
}

class Meter extends Transform {
  bytes = 0;

  override _transform(chunk: Buffer, _encoding: string, done: (error: null, chunk: Buffer) => void): void {
    this.bytes += chunk.length;
    done(null, chunk);
  }
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** The forbidden address may stand behind the error that undici reports. */
const isForbidden = (error: unknown): boolean =>
  error instanceof AddressForbidden ||
  (error instanceof Error && error.cause !== undefined && isForbidden(error.cause));

/** What an answer becomes on its way: untouched, unless a credential went the other way. */
function inspected(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  { injection, request }: Passage,
): { readonly headers: OutgoingHttpHeaders; readonly through: readonly Transform[] } {
  if (injection === undefined) return { headers: responseHeaders(headers), through: [] };
  const isEmpty = request.method === 'HEAD' || statusCode === 204 || statusCode === 304;
  try {
    const decoders = isEmpty ? [] : decodersOf(headers['content-encoding']);
    const { secret } = injection;
    return {
      headers: scrubbedHeaders(headers, secret, decoders.length > 0),
      through: [...decoders, new Scrub(secret)],
    };
  } catch (error) {
    // What cannot be looked through does not pass.
    body.on('error', () => undefined).destroy();
    throw error;
  }
}

@Injectable()
export class Forwarder {
  constructor(
    private readonly dialer: Dialer,
    private readonly clock: Clock,
  ) {}

  /** Never rejects. Answers the client itself only when the provider did. */
  async forward(passage: Passage): Promise<Passed> {
    const { request, response, exchange } = passage;
    const from = this.clock.monotonic();
    const sent = new Meter();
    const received = new Meter();
    let status = 0;
    // A client that leaves takes its request along; a revocation is told apart by who fired the signal.
    let left = false;
    const away = new AbortController();
    const leave = (): void => {
      left = !response.writableFinished;
      away.abort();
    };
    response.once('close', leave);
    const signal = AbortSignal.any([exchange.signal, away.signal]);
    const facts = () => ({
      status: String(status),
      sent: String(sent.bytes),
      received: String(received.bytes),
      took_ms: String(Math.round(this.clock.monotonic() - from)),
    });
    try {
      const answer = await this.dial(passage, sent, signal);
      status = answer.statusCode;
      const { headers, through } = inspected(answer, passage);
      response.writeHead(status, { ...headers, 'sally-decision': passage.decision });
      response.flushHeaders();
      await pipeline([answer.body, ...through, received, response], { signal });
      return { facts: facts() };
    } catch (error) {
      request.resume();
      if (exchange.signal.aborted) return { facts: facts(), failed: 'run_not_active' };
      if (left) return { facts: { ...facts(), ended_by: 'client' } };
      return { facts: facts(), failed: isForbidden(error) ? 'address_forbidden' : 'upstream_unreachable' };
    } finally {
      response.removeListener('close', leave);
    }
  }

  private dial(
    { url, request, injection }: Passage,
    sent: Meter,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const body = hasBody(request) ? request.pipe(sent) : null;
    return dial(url, {
      dispatcher: this.dialer.dispatcher,
      method: request.method as Dispatcher.HttpMethod,
      headers: requestHeaders(request.headers, injection),
      body,
      signal,
    });
  }
}
