import { describe, expect, test } from '@jest/globals';
import { keepUp } from './servers.ts';

/** A server that runs until it is told to die or to stop. */
class FakeServer {
  readonly #ended = Promise.withResolvers<number | null>();
  running = true;

  get exited(): Promise<number | null> {
    return this.#ended.promise;
  }

  die(code: number): void {
    this.running = false;
    this.#ended.resolve(code);
  }

  stop(): Promise<void> {
    this.die(0);
    return Promise.resolve();
  }
}

/** Successors, handed out when the test says so. */
function successors() {
  const asked = Promise.withResolvers<undefined>();
  const answer = Promise.withResolvers<FakeServer>();
  const again = (): Promise<FakeServer> => {
    asked.resolve(undefined);
    return answer.promise;
  };
  return { again, asked: asked.promise, answer };
}

describe('a server that is kept up', () => {
  test('is started again when it dies, and says why', async () => {
    const [first, second] = [new FakeServer(), new FakeServer()];
    const said: string[] = [];
    const up = Promise.withResolvers<undefined>();
    const kept = keepUp(
      first,
      () => {
        up.resolve(undefined);
        return Promise.resolve(second);
      },
      (why) => said.push(why),
    );
    first.die(9);
    await up.promise;
    await kept.stop();
    expect(said).toEqual(['exit 9']);
    expect(kept.current()).toBe(second);
    expect(second.running).toBe(false);
  });

  test('is tried again until it starts, and says what was in the way', async () => {
    const [first, second] = [new FakeServer(), new FakeServer()];
    const said: string[] = [];
    const up = Promise.withResolvers<undefined>();
    let tries = 0;
    const again = (): Promise<FakeServer> => {
      tries += 1;
      if (tries === 1) return Promise.reject(new Error('no space left'));
      up.resolve(undefined);
      return Promise.resolve(second);
    };
    const kept = keepUp(first, again, (why) => said.push(why));
    first.die(1);
    await up.promise;
    await kept.stop();
    expect(said).toEqual(['exit 1', 'no space left']);
  });

  test('leaves nothing behind when it is stopped while a successor starts', async () => {
    const [first, second] = [new FakeServer(), new FakeServer()];
    const { again, asked, answer } = successors();
    const kept = keepUp(first, again, () => undefined);
    first.die(1);
    await asked;
    const stopped = kept.stop();
    answer.resolve(second);
    await stopped;
    expect(second.running).toBe(false);
  });

  test('is not started again once it is to stop', async () => {
    const first = new FakeServer();
    const kept = keepUp(
      first,
      () => Promise.reject(new Error('started again')),
      (why) => {
        throw new Error(why);
      },
    );
    await kept.stop();
    expect(first.running).toBe(false);
  });
});
