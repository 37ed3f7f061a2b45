/**
 * Fires triggers without pause while services are killed: two schedules by the clock, one by hand, a subscription by events and another by
 * signed webhooks. Whoever hands a firing in does so again under the same key until it is answered; from then on it is accepted.
 */

import { SignedWebhook } from '../e2e/signed-webhook.ts';
import type { StartedStack } from '../e2e/started-stack.ts';

interface FiringView {
  readonly outcome?: string;
  readonly reason: string;
  readonly run: string;
  readonly due_at: string;
  readonly event?: string;
}

interface EventView {
  readonly id: string;
  readonly matched_at?: string;
  readonly firings: readonly FiringView[];
}

/** What became of everything that was accepted. */
export interface Fired {
  /** Firings, by what caused them. */
  readonly counts: Readonly<Record<'clock' | 'hand' | 'event' | 'webhook', number>>;
  readonly runs: readonly string[];
  readonly broken: readonly string[];
}

const minute = 60_000;
const pauseMs = 400;
const decidedMs = 180_000;
const clocks = ['chaos-clock-a', 'chaos-clock-b'] as const;

export class TriggerFeed {
  readonly #stack: StartedStack;
  readonly #webhook: SignedWebhook;
  readonly #since: number;
  /** Accepted firings by hand, and events with what sent them; ids as the product gave them. */
  readonly #hands: string[] = [];
  readonly #events = new Map<string, 'event' | 'webhook'>();
  readonly #doubled: string[] = [];

  private constructor(stack: StartedStack, webhook: SignedWebhook) {
    this.#stack = stack;
    this.#webhook = webhook;
    this.#since = Date.now();
  }

  static async make(stack: StartedStack): Promise<TriggerFeed> {
    const { rest, profile } = stack;
    const run = { runner: 'exec', argv: ['sh', '-c', 'echo fired'], start: { inline: 'chaos' }, profile };
    const terms = { max_runs: 10_000, max_per_day: 10_000 };
    const more = { run, overlap: 'allow', consent: true, terms };
    const late = { misfire: 'run_all', misfire_cap: 100 };
    await rest.put('/v1/schedules/chaos-hand', { ...more, cron: '@yearly' });
    await rest.put('/v1/subscriptions/chaos-event', { ...more, types: ['chaos.event'] });
    await rest.put('/v1/subscriptions/chaos-webhook', { ...more, types: ['chaos.webhook'] });
    const webhook = await SignedWebhook.make(stack, 'chaos');
    for (const name of clocks) await rest.put(`/v1/schedules/${name}`, { ...more, ...late, cron: '* * * * *' });
    return new TriggerFeed(stack, webhook);
  }

  /** Hands in one firing after another until it is told to end. */
  async feed(going: () => boolean): Promise<void> {
    for (let turn = 0; going(); turn += 1) {
      const key = `chaos-${turn}`;
      if (turn % 3 === 0) this.#hands.push(await this.#twice(() => this.#byHand(key)));
      if (turn % 3 === 1) this.#events.set(await this.#twice(() => this.#byEvent(key)), 'event');
      if (turn % 3 === 2) this.#events.set(await this.#twice(() => this.#byWebhook(key)), 'webhook');
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  /** Whether each schedule of the clock has fired since the start. */
  async hasTicked(): Promise<boolean> {
    const all = await Promise.all(clocks.map((name) => this.#history(name).catch(() => [])));
    return all.every((own) => own.length > 0);
  }

  /** Stops the clocks and follows everything accepted to its run. */
  async judge(): Promise<Fired> {
    const until = floorOf(Date.now());
    // What is due is decided before the pause, which makes up for nothing.
    for (const name of clocks)
      await settled(
        () => this.#history(name),
        (firings) => firings.some(({ due_at: due }) => Date.parse(due) >= until),
      );
    for (const name of clocks) await this.#answered(() => this.#stack.rest.post(`/v1/schedules/${name}:pause`, {}));
    const broken = [...this.#doubled];
    const runs: string[] = [];
    const counts = { clock: 0, hand: 0, event: 0, webhook: 0 };
    const take = (what: keyof typeof counts, name: string, firings: readonly FiringView[]): void => {
      counts[what] += firings.length;
      for (const { outcome, reason, run, due_at: due } of firings)
        if (outcome === 'started') runs.push(run);
        else broken.push(`${name} of ${due} is ${outcome ?? 'undecided'} (${reason})`);
    };
    for (const name of clocks) {
      const firings = await this.#decided(name);
      take('clock', name, firings);
      broken.push(...gaps(name, firings, this.#since, until));
    }
    const byHand = await this.#decided('chaos-hand');
    take('hand', 'chaos-hand', byHand);
    if (byHand.length !== new Set(this.#hands).size)
      broken.push(`${new Set(this.#hands).size} firings by hand were accepted and ${byHand.length} are on record`);
    for (const [id, what] of this.#events) {
      const firings = await this.#firingsOf(id);
      take(what, id, firings);
      if (firings.length !== 1) broken.push(`${what} ${id} fired ${firings.length} times`);
    }
    for (const run of runs.filter((each, index) => runs.indexOf(each) !== index))
      broken.push(`${run} is the run of two firings`);
    return { counts, runs: [...new Set(runs)], broken };
  }

  async #byHand(key: string): Promise<string> {
    const path = '/v1/schedules/chaos-hand:run';
    const answer = await this.#stack.rest.raw('POST', path, {}, { 'idempotency-key': key });
    const { id } = (await answer.json()) as { readonly id?: string };
    return answer.ok && id !== undefined ? id : Promise.reject(new Error(`${answer.status}`));
  }

  async #byEvent(key: string): Promise<string> {
    const event = { id: key, source: '/chaos', type: 'chaos.event' };
    return (await this.#stack.rest.post<EventView>('/v1/events', event)).id;
  }

  async #byWebhook(key: string): Promise<string> {
    const { status, event } = await this.#webhook.deliver(key, { type: 'chaos.webhook' });
    return event ?? Promise.reject(new Error(`${status}`));
  }

  /** As a sender whose first answer may have been lost: it is sent again, and must be the same thing. */
  async #twice(send: () => Promise<string>): Promise<string> {
    const first = await this.#answered(send);
    const again = await this.#answered(send);
    if (first !== again) this.#doubled.push(`${first} was sent again and is ${again}`);
    return first;
  }

  async #answered<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  async #history(name: string): Promise<readonly FiringView[]> {
    const all: FiringView[] = [];
    for (let cursor = ''; ; ) {
      const page = await this.#stack.rest.get<{ items: readonly FiringView[]; next_cursor?: string | null }>(
        `/v1/schedules/${name}/firings?limit=200${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      all.push(...page.items);
      if (!page.next_cursor) return all;
      cursor = page.next_cursor;
    }
  }

  /** The history of a schedule once nothing of it is open, or when it has been open for too long. */
  #decided(name: string): Promise<readonly FiringView[]> {
    return settled(
      () => this.#history(name),
      (firings) => firings.every(({ outcome }) => outcome !== undefined && outcome !== 'queued'),
    );
  }

  async #firingsOf(id: string): Promise<readonly FiringView[]> {
    const event = await settled(
      () => this.#stack.rest.get<EventView>(`/v1/events/${id}`),
      ({ matched_at: matched, firings }) =>
        matched !== undefined && firings.every(({ outcome }) => outcome !== undefined),
    );
    return event.firings;
  }
}

async function settled<T>(look: () => Promise<T>, isSettled: (found: T) => boolean): Promise<T> {
  const started = performance.now();
  for (;;) {
    const found = await look();
    if (isSettled(found) || performance.now() - started > decidedMs) return found;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const floorOf = (at: number): number => Math.floor(at / minute) * minute;

/** Minutes that fired twice or not at all, from the first after the start to the last before the end, or on record. */
function gaps(name: string, firings: readonly FiringView[], since: number, until: number): readonly string[] {
  const due = firings.map(({ due_at: at }) => Date.parse(at)).toSorted((a, b) => a - b);
  const broken = due.filter((at, index) => at === due[index - 1]).map((at) => `${name} fired twice for ${at}`);
  for (let at = floorOf(since) + minute; at <= Math.max(until, due.at(-1) ?? 0); at += minute)
    if (!due.includes(at)) broken.push(`${name} did not fire for ${at}`);
  return broken;
}
