/**
 * The only wire out of the sandbox: HTTP/1.1 over the workload's Unix socket.
 *
 * The runtime behind it may restart; the socket then reappears at the same path. A call waits for that as long as it takes, since
 * there is nothing else to do in a sandbox without its wire. Which socket a call comes in on is who calls: nothing here carries a name or a token.
 */

import { setTimeout as wait } from 'node:timers/promises';
import { http } from '../builtin-http.ts';
import { type Control, controlOf } from '../inputs/control.ts';
import { type Assignment, assignmentOf } from '../work.ts';

/** The runtime understood the call and says no; sending it again would change nothing. */
export class TetherRefused extends Error {
  override readonly name = 'TetherRefused';
  readonly status: number;

  constructor(method: string, status: number, body: string) {
    super(`the runtime refused ${method} with ${status}: ${body.slice(0, 500)}`);
    this.status = status;
  }
}

class TetherAway extends Error {
  override readonly name = 'TetherAway';
}

/** Milliseconds until the next try of a broken wire: short at first, since a runtime is back within a second. */
export const reconnectDelay = (attempt: number): number => Math.min(250, 5 * 2 ** attempt);

const maxAnswerBytes = 4 * 1024 * 1024;

export class Tether {
  readonly path: string;
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: 16 });

  constructor(path: string) {
    this.path = path;
  }

  /** Blocks until the workload is attested and mounted. */
  async awaitWork(version: string): Promise<Assignment> {
    return assignmentOf(await this.call('AwaitWork', JSON.stringify({ version })));
  }

  /** What the platform wants next, past the inputs taken over so far; answers at the latest after the runtime's 30 s. */
  async awaitControl(after: number, signal: AbortSignal): Promise<Control> {
    return controlOf(await this.call('AwaitControl', JSON.stringify({ after: String(after) }), signal));
  }

  /** Addresses to connect to, and for how many seconds the answer holds. */
  async resolve(name: string, type: 'A' | 'AAAA'): Promise<{ addresses: string[]; ttl: number }> {
    const answer = await this.call('Resolve', JSON.stringify({ name, type }));
    const addresses = Array.isArray(answer['addresses']) ? answer['addresses'].map(String) : [];
    return { addresses, ttl: typeof answer['ttlSeconds'] === 'number' ? answer['ttlSeconds'] : 0 };
  }

  /** Hands over events, each already in JSON; answers with the local number of the last one taken. */
  async emit(first: number, events: readonly string[]): Promise<number> {
    const answer = await this.call('Emit', `{"first":"${first}","events":[${events.join(',')}]}`);
    return Number(answer['last'] ?? 0);
  }

  close(): void {
    this.agent.destroy();
  }

  private async call(method: string, body: string, signal?: AbortSignal): Promise<Record<string, unknown>> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.once(method, body, signal);
      } catch (error) {
        if (!(error instanceof TetherAway) || signal?.aborted === true) throw error;
      }
      await wait(reconnectDelay(attempt), undefined, signal === undefined ? {} : { signal });
    }
  }

  private once(method: string, body: string, signal?: AbortSignal): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      const away = (error: Error): void => reject(new TetherAway(error.message, { cause: error }));
      const call = http.request(
        {
          socketPath: this.path,
          agent: this.agent,
          method: 'POST',
          path: `/runner.v1.TetherService/${method}`,
          headers: { host: 'tether', 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
          ...(signal !== undefined && { signal }),
        },
        (response) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on('data', (chunk: Buffer) => {
            size += chunk.length;
            if (size <= maxAnswerBytes) chunks.push(chunk);
          });
          response.on('error', away);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            const status = response.statusCode ?? 0;
            if (status >= 500 || status === 429) away(new Error(`answered ${status}`));
            else if (status !== 200) reject(new TetherRefused(method, status, text));
            else resolve(parsed(text));
          });
        },
      );
      call.on('error', away);
      call.end(body);
    });
  }
}

function parsed(text: string): Record<string, unknown> {
  const value: unknown = text === '' ? {} : JSON.parse(text);
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
