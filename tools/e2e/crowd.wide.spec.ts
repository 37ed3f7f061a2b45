import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { repository } from '../start/options.ts';
import { readUntil } from './cut-reader.ts';
import { StartedStack } from './started-stack.ts';

let stack: StartedStack;
let readers: Crowd | undefined;

beforeAll(async () => {
  stack = await StartedStack.start();
});

afterAll(async () => {
  readers?.close();
  await stack.stop();
});

const crowd = 1_000;
/** What one reader may cost the api at most: a piece on its way to the socket, a page behind it, and what V8 has not yet collected. */
const mebibytesEach = 0.75;

/** Says megabytes beyond what anybody takes. */
const speech = 'while :; do head -c 20000 /dev/zero | tr "\\0" x; echo; sleep 0.1; done';

/** The crowd, in a process of its own: what reads nothing must not be this process's burden either. */
class Crowd {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** Opens the connections; each has the first bytes of its answer. */
  static async open(size: number, request: string): Promise<Crowd> {
    const script = join(repository, 'tools/e2e/crowd.py');
    const child = spawn('python3', [script, String(size), String(stack.port)], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const crowd = new Crowd(child);
    expect(await crowd.#line()).toBe('open');
    return crowd;
  }

  /** What is left in one connection, to its end. */
  async rest(index: number): Promise<string> {
    this.#child.stdin.write(`${index}\n`);
    return JSON.parse(await this.#line()) as string;
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }

  async #line(): Promise<string> {
    const { value } = await this.#lines.next();
    return value ?? '';
  }
}

describe('a thousand readers that read nothing', () => {
  test('cost the api a bounded amount, are cut off, and can go on where they were', async () => {
    const { api = 0 } = await stack.pids();
    const resident = (): number =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${api}/status`, 'utf8'))?.[1]) / 1024;
    const descriptors = (): number => readdirSync(`/proc/${api}/fd`).length;
    const cutOff = (): number =>
      readFileSync(join(stack.data, 'logs', 'api.log'), 'utf8').split('a reader took nothing any more').length - 1;
    const limits = { output_bytes: 1_000_000_000, idle_seconds: 600 };
    const run = await stack.exec(['sh', '-c', speech], { limits });
    const [openBefore, before] = [descriptors(), resident()];
    readers = await Crowd.open(
      crowd,
      `GET /v1/runs/${run.id}/events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\nauthorization: Bearer ${stack.rest.token}\r\n\r\n`,
    );
    let peak = resident();
    // The run goes on and on; whoever takes nothing is let go, and none of them says so by itself.
    while (cutOff() < crowd || descriptors() > openBefore + 20) {
      peak = Math.max(peak, resident());
      await sleep(500);
    }
    process.stdout.write(`api: ${before.toFixed(0)} MiB before, ${peak.toFixed(0)} MiB at most\n`);
    expect(cutOff()).toBe(crowd);
    expect(peak - before).toBeLessThan(crowd * mebibytesEach);
    expect(await stack.rest.get(`/v1/runs/${run.id}`)).toMatchObject({ state: 'running' });
    await stack.rest.post(`/v1/runs/${run.id}:cancel`, {});
    await stack.ended(run.id);

    const text = await readers.rest(500);
    // The last event may have been cut in the middle; the reader has it when it has all of it.
    const seen = [...text.matchAll(/^id: (\d+)\nevent: .+\ndata: .+\n$/gm)].map(([, id]) => Number(id));
    const { events, ended } = await readUntil(stack.rest, run.id, seen.length, Number.POSITIVE_INFINITY);
    expect(ended).toBe(true);
    expect([...seen, ...events.map(({ seq }) => seq)]).toEqual(
      Array.from({ length: seen.length + events.length }, (_, index) => index + 1),
    );
    expect(events.length).toBeGreaterThan(0);
  });
});
