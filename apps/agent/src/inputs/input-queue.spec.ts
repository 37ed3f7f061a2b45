import { describe, expect, test } from '@jest/globals';
import { controlOf, type Input } from './control.ts';
import { InputQueue } from './input-queue.ts';

const text = (id: string): Input => ({ id, kind: 'text', text: id });
const cancel = (id: string, target = ''): Input => ({ id, kind: 'cancel', target });
const leave = (id: string): Input => ({ id, kind: 'leave' });

/** A queue that notes what it tells. */
function aQueue() {
  const told: string[] = [];
  const queue = new InputQueue('dsp_1', {
    stopCurrent: () => told.push('stop'),
    ended: (input, done) => told.push(`${input} ${done ? 'done' : 'undone'}`),
  });
  return { queue, told };
}

const forever = 0;

describe('the inputs of a dispatch', () => {
  test('come one at a time, in order, each once', async () => {
    const { queue, told } = aQueue();
    for (const id of ['a', 'b', 'a']) queue.take(text(id));
    queue.take(text('dsp_1'));
    expect(await queue.next(forever)).toMatchObject({ id: 'a' });
    queue.take(text('a'));
    expect(await queue.next(forever)).toMatchObject({ id: 'b' });
    expect(await queue.next(1)).toEqual({ kind: 'idle' });
    expect(told).toEqual([]);
  });

  test('are waited for', async () => {
    const { queue } = aQueue();
    const next = queue.next(forever);
    queue.take(cancel('c'));
    queue.take(text('a'));
    expect(await next).toMatchObject({ id: 'a' });
  });

  test('are cancelled while they are worked on, also before the runner is there', async () => {
    const { queue, told } = aQueue();
    queue.take(cancel('c1'));
    expect(told).toEqual(['stop', 'c1 done']);
    expect(queue.isStopped('dsp_1')).toBe(true);
    queue.take(text('a'));
    await queue.next(forever);
    expect(queue.isStopped('a')).toBe(false);
    queue.take(cancel('c2', 'a'));
    expect(queue.isStopped('a')).toBe(true);
  });

  test('are cancelled while they wait, without being worked on', async () => {
    const { queue, told } = aQueue();
    for (const id of ['a', 'b']) queue.take(text(id));
    queue.take(cancel('c', 'a'));
    expect(told).toEqual(['a undone', 'c done']);
    expect(await queue.next(forever)).toMatchObject({ id: 'b' });
  });

  test('are not ended by a cancel that names another, or comes while nothing is worked on', async () => {
    const { queue, told } = aQueue();
    queue.take(cancel('c1', 'inp_other'));
    void queue.next(forever);
    queue.take(cancel('c2'));
    expect(told).toEqual(['c1 undone', 'c2 undone']);
    queue.take(text('a'));
    expect(queue.isStopped('a')).toBe(false);
  });

  test('end with a leave, behind what was said before it', async () => {
    const { queue, told } = aQueue();
    queue.take(text('a'));
    queue.take(leave('l'));
    queue.take(text('late'));
    expect(told).toEqual(['late undone']);
    expect(await queue.next(forever)).toMatchObject({ id: 'a' });
    expect(await queue.next(forever)).toEqual({ kind: 'leave' });
    expect(told.at(-1)).toBe('l done');
  });

  test('end when the platform ends the dispatch; what waits is told undone', async () => {
    const { queue, told } = aQueue();
    queue.take(text('a'));
    queue.stop();
    expect(told).toEqual(['stop']);
    expect(await queue.next(forever)).toEqual({ kind: 'stop' });
    queue.take(text('b'));
    queue.close();
    expect(told.slice(1)).toEqual(['b undone', 'a undone']);
  });
});

describe('a control word', () => {
  test('reads what it knows and counts the rest as taken over', () => {
    const inputs = [
      { id: 'a', text: '' },
      { id: 'b', cancel: '' },
      { id: 'c', leave: {} },
      { id: 'd', dance: true },
      { text: 'nobody' },
      null,
    ];
    expect(controlOf({ inputs, first: '7' })).toEqual({
      stop: false,
      last: 12,
      inputs: [
        { id: 'a', kind: 'text', text: '' },
        { id: 'b', kind: 'cancel', target: '' },
        { id: 'c', kind: 'leave' },
      ],
    });
  });

  test.each([[{}], [null], ['x'], [{ inputs: 7, first: 'x' }]])('of a wrong shape wants nothing: %j', (answer) => {
    expect(controlOf(answer)).toEqual({ stop: false, inputs: [], last: 0 });
  });
});
