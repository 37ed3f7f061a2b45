import { describe, expect, test } from '@jest/globals';
import { KeyedMutex } from './keyed-mutex.ts';

describe('KeyedMutex', () => {
  test('runs the work of one key one at a time and in order', async () => {
    const mutex = new KeyedMutex();
    const told: string[] = [];
    const work = (name: string) => async (): Promise<void> => {
      told.push(`${name} begins`);
      await Promise.resolve();
      told.push(`${name} ends`);
    };
    await Promise.all([mutex.run('a', work('1')), mutex.run('a', work('2')), mutex.run('a', work('3'))]);
    expect(told).toEqual(['1 begins', '1 ends', '2 begins', '2 ends', '3 begins', '3 ends']);
  });

  test('does not make another key wait', async () => {
    const mutex = new KeyedMutex();
    const { promise, resolve } = Promise.withResolvers<void>();
    const held = mutex.run('a', () => promise);
    await expect(mutex.run('b', async () => 'free')).resolves.toBe('free');
    resolve();
    await held;
  });

  test('goes on after work that throws, and keeps nothing', async () => {
    const mutex = new KeyedMutex();
    const first = mutex.run('a', async () => {
      throw new Error('broken');
    });
    const second = mutex.run('a', async () => 'fine');
    await expect(first).rejects.toThrow('broken');
    await expect(second).resolves.toBe('fine');
    expect(mutex.size).toBe(0);
  });
});
