/** Wakes the sweeper early: something may be due that its next round would find too late. */

import { Injectable } from '@nestjs/common';

@Injectable()
export class Wake {
  #rung = false;
  #ring: () => void = () => undefined;

  /** Whether somebody rang since the last wait. */
  get rung(): boolean {
    return this.#rung;
  }

  ring(): void {
    this.#rung = true;
    this.#ring();
  }

  /** Resolves after a time, or at once when rung since the last wait. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#rung = false;
        this.#ring = () => undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#ring = end;
      if (this.#rung) end();
    });
  }
}
