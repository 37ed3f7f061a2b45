/** Calls to the API. A refusal becomes a Failure with the API's own problem document. */

import type { Connection } from '../config.ts';
import { exit } from '../exit.ts';
import { Failure, type Problem } from '../failure.ts';
import type { Page } from './resources.ts';

export interface Ask {
  readonly method?: string;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly body?: RequestInit['body'];
  readonly headers?: Readonly<Record<string, string>>;
  /** Parameters that are undefined are left out. */
  readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>;
}

export class Api {
  readonly connection: Connection;
  readonly signal: AbortSignal;
  readonly #log: (line: string) => void;

  constructor(connection: Connection, signal: AbortSignal, log: (line: string) => void = () => undefined) {
    this.connection = connection;
    this.signal = signal;
    this.#log = log;
  }

  async get<T>(path: string, query: Ask['query'] = {}): Promise<T> {
    return (await (await this.ask(path, { query })).json()) as T;
  }

  async send<T>(
    method: string,
    path: string,
    json: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    return (await (await this.ask(path, { method, json, headers })).json()) as T;
  }

  /** Items of a list, page after page, at most `most` of them. */
  async all<T>(path: string, query: Ask['query'] = {}, most = Number.POSITIVE_INFINITY): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.get<Page<T>>(path, { ...query, ...(cursor === undefined ? {} : { cursor }) });
      items.push(...page.items);
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined && items.length < most);
    return items.slice(0, most);
  }

  /** A response that succeeded. */
  async ask(path: string, ask: Ask = {}): Promise<Response> {
    const response = await this.raw(path, ask);
    if (response.ok) return response;
    throw Failure.refused(response.status, await problemOf(response));
  }

  /** Any response at all. */
  async raw(path: string, ask: Ask = {}): Promise<Response> {
    const url = urlOf(this.connection.url, path, ask.query ?? {});
    const { token } = this.connection;
    const started = performance.now();
    const method = ask.method ?? 'GET';
    const init = {
      method,
      signal: this.signal,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(ask.json === undefined ? {} : { 'content-type': 'application/json' }),
        ...ask.headers,
      },
      ...(ask.json === undefined ? {} : { body: JSON.stringify(ask.json) }),
      ...(ask.body === undefined ? {} : { body: ask.body, duplex: 'half' as const }),
    };
    try {
      const response = await fetch(url, init);
      this.#log(
        `${method} ${url.pathname}${url.search} ${response.status} ${Math.round(performance.now() - started)} ms ${response.headers.get('x-request-id') ?? ''}`,
      );
      return response;
    } catch (error) {
      throw this.signal.aborted ? this.signal.reason : unreachable(this.connection.url, error);
    }
  }
}

function urlOf(base: string, path: string, query: NonNullable<Ask['query']>): URL {
  const url = new URL(`${base}${path.startsWith('/') ? '' : '/'}${path}`);
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value ?? []].flat()) url.searchParams.append(name, String(each));
  }
  return url;
}

async function problemOf(response: Response): Promise<Problem> {
  const fallback: Problem = {
    type: 'about:blank',
    title: `The server answered ${response.status}`,
    status: response.status,
    detail: 'the answer is no problem document; is this the Sallyport API?',
    code: 'cli.answer_unknown',
  };
  if (!/^application\/(?:problem\+)?json/.test(response.headers.get('content-type') ?? '')) return fallback;
  return { ...fallback, ...((await response.json()) as object) };
}

/** Nobody answers at the address. */
export function unreachable(url: string, error: unknown): Failure {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const why = cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : String(cause);
  return Failure.of(
    exit.unreachable,
    'cli.unreachable',
    `nothing answers at ${url}`,
    why,
    'start it with `npm start`, or set --url or SALLY_URL',
  );
}
