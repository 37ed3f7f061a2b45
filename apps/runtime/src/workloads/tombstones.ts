/** Stops that came before their workload: each wins over a create that comes later, also after a restart. */

import { Injectable } from '@nestjs/common';
import { Journal } from './journal.ts';

/** Stops remembered; the oldest goes first. Their creates are minutes away at most, so this is a bound against a flood only. */
const most = 10_000;

@Injectable()
export class Tombstones {
  readonly #ids = new Set<string>();

  constructor(private readonly journal: Journal) {}

  async load(): Promise<void> {
    for (const id of await this.journal.tombstones()) this.#ids.add(id);
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** @throws Fault `runtime.journal_unwritable`. */
  async bury(id: string): Promise<void> {
    this.#ids.add(id);
    await this.journal.bury(id);
    const [oldest] = this.#ids;
    if (this.#ids.size <= most || oldest === undefined) return;
    this.#ids.delete(oldest);
    await this.journal.unbury(oldest);
  }
}
