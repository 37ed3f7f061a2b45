/** One unprivileged host uid per workload, so that whoever escapes a sandbox is nobody, and nobody else's nobody. */

import { sha256Hex } from '@sallyport/core/canonical';

/** First uid of a range that systemd documents as used by nobody (uids.md: 1879048192 to 2147483647). */
const firstUid = 1_900_000_000;
const perInstall = 10_000;
const installs = 1000;

/** Two installs on one machine draw from different ranges with a chance of 999 in 1000, and never fail when they do not. */
const rangeOf = (label: string): number =>
  firstUid + (Number.parseInt(sha256Hex(label).slice(0, 8), 16) % installs) * perInstall;

export class UidSlots {
  private readonly first: number;
  private readonly count: number;
  private readonly taken = new Map<string, number>();

  private constructor(first: number, count: number) {
    this.first = first;
    this.count = count;
  }

  /** Uids of the host that nobody has, for an install. */
  static ofInstall(label: string): UidSlots {
    return new UidSlots(rangeOf(label), perInstall);
  }

  /** Uids of one range. */
  static between(first: number, count: number): UidSlots {
    return new UidSlots(first, count);
  }

  /** The uid of a workload; the same until it is released. */
  reserve(id: string): number {
    const held = this.taken.get(id);
    if (held !== undefined) return held;
    const used = new Set(this.taken.values());
    for (let uid = this.first; uid < this.first + this.count; uid += 1) {
      if (used.has(uid)) continue;
      this.taken.set(id, uid);
      return uid;
    }
    throw new Error(`more than ${this.count} workloads at once`);
  }

  /** Notes the uid of a workload that an earlier process started. */
  adopt(id: string, uid: number): void {
    this.taken.set(id, uid);
  }

  release(id: string): void {
    this.taken.delete(id);
  }
}
