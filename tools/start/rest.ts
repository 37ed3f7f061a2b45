/** The few REST calls the launcher makes; it is a client like any other. */

import { Fault } from '@sallyport/core/fault';

interface Problem {
  readonly code?: string;
  readonly detail?: string;
  readonly status?: number;
}

export class Rest {
  readonly url: string;
  readonly token: string;

  constructor(url: string, token: string) {
    this.url = url;
    this.token = token;
  }

  /** Asks once more where no answer came: a connection kept open may be closed from the other side just as it is used again. */
  async get<T>(path: string): Promise<T> {
    try {
      return await this.#json<T>('GET', path);
    } catch (error) {
      if (error instanceof Fault) throw error;
      return await this.#json<T>('GET', path);
    }
  }

  post<T>(path: string, body: unknown): Promise<T> {
    return this.#json<T>('POST', path, body);
  }

  put<T>(path: string, body: unknown): Promise<T> {
    return this.#json<T>('PUT', path, body);
  }

  async exists(path: string): Promise<boolean> {
    const response = await this.raw('GET', path);
    await response.body?.cancel();
    if (response.status === 404) return false;
    if (!response.ok) throw new Fault('internal', 'start.rest', `GET ${path} answered ${response.status}`);
    return true;
  }

  raw(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return fetch(new URL(path, this.url), {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async #json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.raw(method, path, body);
    const answer = (await response.json()) as T & Problem;
    if (response.ok) return answer;
    throw new Fault(
      'internal',
      answer.code ?? 'start.rest',
      `${method} ${path} answered ${response.status}: ${answer.detail ?? ''}`,
    );
  }
}
