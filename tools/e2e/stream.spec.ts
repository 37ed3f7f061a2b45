import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readUntil } from './cut-reader.ts';
import { type EventView, StartedStack, textOf } from './started-stack.ts';

let stack: StartedStack;

beforeAll(async () => {
  stack = await StartedStack.start();
}, 90_000);

afterAll(async () => {
  await stack.stop();
}, 60_000);

/** Numbers in [0, 1) that are the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Says a numbered line every few milliseconds until it is ended. */
const flood = 'i=0; while :; do echo "line $i"; i=$((i+1)); sleep 0.005; done';

const linesOf = (events: readonly EventView[]): string[] =>
  events
    .flatMap((event) => (event.type === 'output' ? [Buffer.from(textOf(event, 'data'), 'base64').toString()] : []))
    .join('')
    .trim()
    .split('\n');

describe('the stream of a run', () => {
  test('has no gap and no duplicate when its socket is cut a hundred times while the run floods', async () => {
    const random = seeded(20_261_121);
    const run = await stack.exec(['sh', '-c', flood]);
    const seen: EventView[] = [];
    for (let cut = 0; cut < 100; cut += 1) {
      const { events, ended } = await readUntil(
        stack.rest,
        run.id,
        seen.at(-1)?.seq ?? 0,
        200 + Math.floor(random() * 6_000),
      );
      expect(ended).toBe(false);
      seen.push(...events);
    }
    await stack.rest.post(`/v1/runs/${run.id}:cancel`, {});
    await stack.ended(run.id);
    const rest = await readUntil(stack.rest, run.id, seen.at(-1)?.seq ?? 0, Number.POSITIVE_INFINITY);
    expect(rest.ended).toBe(true);
    seen.push(...rest.events);
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index + 1));
    const lines = linesOf(seen);
    expect(lines.length).toBeGreaterThan(100);
    expect(lines).toEqual(lines.map((_, index) => `line ${index}`));
    // What was followed live is what is stored.
    expect((await stack.events(run.id)).map(({ seq }) => seq)).toEqual(seen.map(({ seq }) => seq));
  }, 180_000);

  test('gives pieces of a text to who asks for them, and the whole text to everybody', async () => {
    const script = [{ text: 'A sentence that arrives piece by piece.' }];
    const run = await stack.create({ role: 'editor', task: `<script>${JSON.stringify(script)}</script>` });
    await stack.ended(run.id);
    const read = async (query: string): Promise<readonly EventView[]> =>
      (
        (await (await stack.rest.raw('GET', `/v1/runs/${run.id}/events?${query}`)).json()) as {
          items: readonly EventView[];
        }
      ).items;
    const whole = await read('');
    const pieces = await read('deltas=1');
    expect(whole.some(({ type }) => type === 'message.delta')).toBe(false);
    const texts = (events: readonly EventView[], type: string) =>
      events.flatMap((event) => (event.type === type ? [textOf(event, 'text')] : []));
    expect(texts(pieces, 'message.delta').length).toBeGreaterThan(1);
    expect(texts(pieces, 'message.delta').join('')).toBe(script[0]?.text);
    for (const events of [whole, pieces]) expect(texts(events, 'message.completed')).toEqual([script[0]?.text]);
  }, 60_000);
});
