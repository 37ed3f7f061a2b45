import { describe, expect, test } from '@jest/globals';
import { FairShare } from './fair-share.ts';

/** Work that goes on until it is told to end. */
function held(share: FairShare, sender: string): { readonly end: () => void; readonly done: Promise<string> } {
  let end = (): void => undefined;
  const done = share
    .run(sender, () => new Promise<string>((resolve) => (end = () => resolve('done'))))
    .catch((error: unknown) => (error as { readonly reason: string }).reason);
  return { end: () => end(), done };
}

describe('a share of the intake', () => {
  test('is bounded for a sender that floods, and leaves room for another', async () => {
    const share = new FairShare();
    const flood = Array.from({ length: 40 }, () => held(share, 'flood'));
    const other = held(share, 'other');
    for (const { end } of [...flood, other]) end();
    expect(await other.done).toBe('done');
    const ended = await Promise.all(flood.map(({ done }) => done));
    expect(ended.filter((each) => each === 'done')).toHaveLength(32);
    expect(ended.filter((each) => each === 'scheduler.intake_busy')).toHaveLength(8);
  });

  test('is bounded in all, and free again when work has ended, however it ended', async () => {
    const share = new FairShare();
    const all = Array.from({ length: 64 }, (_, index) => held(share, `s${index}`));
    expect(await held(share, 'late').done).toBe('scheduler.intake_busy');
    for (const { end } of all) end();
    await Promise.all(all.map(({ done }) => done));
    await expect(share.run('s1', () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    const again = Array.from({ length: 32 }, () => held(share, 's1'));
    for (const { end } of again) end();
    expect(new Set(await Promise.all(again.map(({ done }) => done)))).toEqual(new Set(['done']));
  });
});
