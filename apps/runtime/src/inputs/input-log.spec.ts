import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Input, InputSchema } from '@sallyport/contracts/unit/v1/input';
import { InputLog } from './input-log.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'inputs-'));
  path = join(folder, 'inputs.jsonl');
});

afterEach(() => rmSync(folder, { recursive: true }));

const anInput = (id: string, text = id): Input => create(InputSchema, { id, body: { case: 'text', value: text } });

const handed = (log: InputLog, after: number) => {
  const { inputs, first } = log.after(BigInt(after));
  return { ids: inputs.map(({ id }) => id), first: Number(first) };
};

describe('the inputs of a workload', () => {
  test('are numbered in the order they came and handed over until they are taken', () => {
    const log = new InputLog(path);
    for (const id of ['a', 'b', 'c']) expect(log.hold(anInput(id))).toBe('held');
    expect(handed(log, 0)).toEqual({ ids: ['a', 'b', 'c'], first: 1 });
    expect(handed(log, 0)).toEqual({ ids: ['a', 'b', 'c'], first: 1 });
    expect(handed(log, 2)).toEqual({ ids: ['c'], first: 3 });
    expect(handed(log, 3)).toEqual({ ids: [], first: 0 });
  });

  test('count once however often they come', () => {
    const log = new InputLog(path);
    log.hold(anInput('a'));
    handed(log, 1);
    expect(log.hold(anInput('a'))).toBe('held');
    expect(handed(log, 1).ids).toEqual([]);
  });

  test('are known after a restart, by the same numbers', () => {
    const log = new InputLog(path);
    for (const id of ['a', 'ü\n\u0001']) log.hold(anInput(id));
    log.close();
    const again = new InputLog(path);
    expect(handed(again, 1)).toEqual({ ids: ['ü\n\u0001'], first: 2 });
    again.hold(anInput('a'));
    again.hold(anInput('c'));
    expect(handed(again, 2)).toEqual({ ids: ['c'], first: 3 });
  });

  test('lose only a line that was torn and never acknowledged', () => {
    const log = new InputLog(path);
    log.hold(anInput('a'));
    log.close();
    appendFileSync(path, '{"id":"torn"');
    const again = new InputLog(path);
    expect(handed(again, 0).ids).toEqual(['a']);
    again.hold(anInput('b'));
    again.close();
    expect(handed(new InputLog(path), 0).ids).toEqual(['a', 'b']);
  });

  test.each([
    ['in number', { inputs: 2, bytes: 1_000_000 }],
    ['in bytes', { inputs: 100, bytes: 100 }],
  ])('are bounded %s, and one that is held stays held', (_what, bounds) => {
    const log = new InputLog(path, bounds);
    log.hold(anInput('a', 'x'));
    log.hold(anInput('b', 'x'));
    expect(log.hold(anInput('c', 'x'.repeat(100)))).toBe('inputs_exhausted');
    expect(log.hold(anInput('a'))).toBe('held');
    expect(handed(log, 0).ids).toEqual(['a', 'b']);
  });

  test('are handed over in parts that fit an answer', () => {
    const log = new InputLog(path);
    for (let index = 0; index < 20; index += 1) log.hold(anInput(`${index}`, '\u0001'.repeat(256 * 1024)));
    let after = 0;
    const seen: string[] = [];
    while (after < 20) {
      const { inputs, first } = log.after(BigInt(after));
      expect(JSON.stringify(inputs.map(({ body }) => body.value)).length).toBeLessThan(3 * 1024 * 1024);
      expect(Number(first)).toBe(after + 1);
      seen.push(...inputs.map(({ id }) => id));
      after += inputs.length;
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => `${index}`));
  });
});
