/**
 * Carries inputs to the edge that holds their run, in order, until it says that it has them.
 *
 * A receipt is good over a restart of the edge; without one the input is carried again, and the sandbox knows it by its id. Every
 * step is a transaction of its own, so a death in between loses nothing.
 */

import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { ask } from '@sallyport/bus/ask';
import { Bus } from '@sallyport/bus/connection';
import { unitIn } from '@sallyport/bus/subject';
import { InputReceiptSchema, InputSchema } from '@sallyport/contracts/unit/v1/input';
import { Clock } from '@sallyport/core/clock';
import { Log } from '@sallyport/service/log';
import { Store } from '@sallyport/store/store';
import { type Delivery, InputStore } from './input.store.ts';

const askMs = 3_000;
/** Longer than an ask, so that a claim ends only when its carrier is dead. */
const claimMs = 10_000;
const batch = 64;

const backoffMs = (tries: number): number => Math.min(10_000, 100 * 2 ** Math.min(tries, 7));

@Injectable()
export class DeliverInputs implements OnModuleDestroy {
  /** Runs at work, and whether something was said to them meanwhile. */
  readonly #busy = new Map<string, { again: boolean; readonly done: Promise<void> }>();
  #stopped = false;

  constructor(
    private readonly store: Store,
    private readonly inputs: InputStore,
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  async onModuleDestroy(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled([...this.#busy.values()].map(({ done }) => done));
  }

  /** Something was said to a run: carries it without waiting for a round. */
  kick(org: string, run: string): void {
    if (this.#stopped) return;
    const busy = this.#busy.get(run);
    if (busy !== undefined) {
      busy.again = true;
      return;
    }
    const done = this.#carry(org, run)
      .catch((error: unknown) => this.log.error({ run, error }, 'inputs could not be carried; they are due again'))
      .finally(() => {
        const again = this.#busy.get(run)?.again === true;
        this.#busy.delete(run);
        if (again) this.kick(org, run);
      });
    this.#busy.set(run, { again: false, done });
  }

  /** Takes up what is due. */
  async sweep(): Promise<void> {
    const due = await this.store.system((db) => this.inputs.due(db, this.clock.now(), batch));
    for (const { org, run } of due) this.kick(org, run);
  }

  async #carry(org: string, run: string): Promise<void> {
    while (!this.#stopped) {
      const next = await this.store.tx(org, (db) => this.inputs.claimNext(db, run, this.clock.now(), claimMs));
      if (next === undefined || !(await this.#hand(next))) return;
    }
  }

  /** Whether the edge answered, so that the one behind may follow. */
  async #hand({ org, input, tries }: Delivery): Promise<boolean> {
    const { id, run, dispatch } = input;
    const question = { schema: InputSchema, message: input };
    const receipt = await ask(this.bus, unitIn(org, dispatch), question, InputReceiptSchema, askMs).catch(
      (error: unknown) => {
        this.log.debug({ run, input: id, tries, error }, 'an input was not received yet');
        return undefined;
      },
    );
    await this.store.tx(org, async (db) => {
      const now = this.clock.now();
      if (receipt?.input === id) await this.inputs.received(db, run, id, receipt.refused, now);
      else await this.inputs.postpone(db, run, id, now + backoffMs(tries));
    });
    if (receipt !== undefined && receipt.refused !== '')
      this.log.info({ run, input: id, reason: receipt.refused }, 'an edge refused an input');
    return receipt?.input === id;
  }
}
