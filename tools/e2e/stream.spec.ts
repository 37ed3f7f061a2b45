import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { teamUnitOut } from '@sallyport/bus/subject';
import { readUntil } from './cut-reader.ts';
import { type Heard, hearUntil, makeTeam } from './cut-team.ts';
import { type EventView, StartedStack, textOf } from './started-stack.ts';

let stack: StartedStack;

beforeAll(async () => {
  stack = await StartedStack.start();
});

afterAll(async () => {
  await stack.stop();
});

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
  });

  test('has no gap and no duplicate over NATS either, when the connection is cut a hundred times', async () => {
    const random = seeded(4_022);
    const team = await makeTeam(stack, 'listeners');
    const run = await stack.exec(['sh', '-c', flood]);
    const subject = teamUnitOut('acme', 'main', run.dispatch);
    const heard: Heard[] = [];
    for (let cut = 0; cut < 100; cut += 1) {
      const bytes = 200 + Math.floor(random() * 2_500);
      heard.push(...(await hearUntil(team, subject, heard.at(-1)?.place ?? 0, bytes)));
    }
    await stack.rest.post(`/v1/runs/${run.id}:cancel`, {});
    await stack.ended(run.id);
    const stored = await stack.events(run.id);
    const last = stored.at(-1)?.seq ?? 0;
    const everything = Number.POSITIVE_INFINITY;
    while ((heard.at(-1)?.seq ?? 0) < last)
      heard.push(...(await hearUntil(team, subject, heard.at(-1)?.place ?? 0, everything, ({ seq }) => seq === last)));
    expect(heard.length).toBeGreaterThan(100);
    expect(heard.map(({ seq }) => seq)).toEqual(stored.map(({ seq }) => seq));
    expect(new Set(heard.map(({ id }) => id)).size).toBe(heard.length);
  });

  test.each([
    ['lies in the future', '999999999', 200, undefined],
    ['is negative', '-1', 400, 'api.invalid_request'],
    ['is no number', '0x10', 400, 'api.invalid_request'],
    ['is larger than a number', '9'.repeat(40), 400, 'api.invalid_request'],
    ['is a list', '1,2', 400, 'api.invalid_request'],
  ])('answers a reader whose sequence %s clearly', async (_what, sequence, status, code) => {
    const run = await stack.exec(['echo', 'hello']);
    await stack.ended(run.id);
    const answer = await stack.rest.raw('GET', `/v1/runs/${run.id}/events`, undefined, {
      accept: 'text/event-stream',
      'last-event-id': sequence,
    });
    expect(answer.status).toBe(status);
    const text = await answer.text();
    if (code !== undefined) expect(JSON.parse(text)).toMatchObject({ code });
    // Nothing that it says it has, and the end of a run that is over.
    else
      expect([...text.matchAll(/^(id|event): .*$/gm)].map(([line]) => line)).toEqual([
        'event: run.transition',
        'event: end',
      ]);
  });

  test('of a run that there is not, or that is another’s, is not found', async () => {
    for (const run of ['run_01ARZ3NDEKTSV4RRFFQ69G5FAV', 'run_', '..%2Fkeys', 'r'.repeat(2_000)])
      expect([run, (await stack.rest.raw('GET', `/v1/runs/${run}/events`)).status]).toEqual([run, 404]);
    for (const path of ['/v1/runs/%00/events', '/v1/runs/%00', '/v1/runs?role=%00', '/v1/audit/events?run=a%00b'])
      expect([path, (await stack.rest.raw('GET', path)).status]).toEqual([path, 400]);
  });

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
  });
});
