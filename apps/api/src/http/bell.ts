/** A bell that is heard even when it rang just before somebody listened. */

export class Bell {
  private waiters: (() => void)[] = [];
  private rung = false;

  /** Wakes whoever waits, now or at the next wait. */
  ring(): void {
    this.rung = true;
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  /** Resolves at the next ring or after a time; tells whether it was a ring. */
  async wait(ms: number): Promise<boolean> {
    if (!this.rung) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.waiters.push(resolve);
        timer = setTimeout(resolve, ms);
      });
      clearTimeout(timer);
      this.waiters = [];
    }
    const { rung } = this;
    this.rung = false;
    return rung;
  }
}
