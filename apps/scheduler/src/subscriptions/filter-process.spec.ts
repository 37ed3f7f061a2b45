import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from '@jest/globals';
import { boundedProcess } from './filter-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'bounded-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a module says before it ends, and how it ended. */
async function told(code: string): Promise<{ said: unknown[]; clean: boolean }> {
  const module = join(folder, 'module.mjs');
  writeFileSync(module, code);
  const child = boundedProcess(module);
  const said: unknown[] = [];
  child.on('message', (message) => said.push(message));
  const [exit] = await once(child, 'exit');
  return { said, clean: exit === 0 };
}

test('buffers beyond the bound are not to be had', async () => {
  const { said } = await told(`
    const kept = [];
    try { for (let n = 0; n < 40; n++) { kept.push(new Uint8Array(50_000_000).fill(1)); process.send(n); } } catch {}
    process.disconnect();
  `);
  expect(said.length).toBeLessThan(8);
});

test('a heap beyond the bound ends it alone', async () => {
  const { said, clean } = await told(`
    process.send('began');
    const kept = [];
    for (let n = 0; n < 1e8; n++) kept.push([n]);
    process.send('had it all');
    process.disconnect();
  `);
  expect([said, clean]).toEqual([['began'], false]);
});

test('it knows nothing of its parent’s environment', async () => {
  process.env['SECRET_OF_THE_PARENT'] = 'secret';
  const { said, clean } = await told('process.send(JSON.stringify(process.env)); process.disconnect();');
  expect([said.length, clean]).toEqual([1, true]);
  expect(said[0]).not.toContain('secret');
});

test('the judge of expressions ends with the channel to its parent, and not by a signal to the group', async () => {
  const child = boundedProcess(fileURLToPath(new URL('./filter-worker.ts', import.meta.url)));
  await once(child, 'message');
  child.kill('SIGINT');
  child.kill('SIGTERM');
  child.send({ kind: 'check', expressions: ['true'] });
  expect(await once(child, 'message')).toMatchObject([{ index: 0, said: '' }]);
  const exit = once(child, 'exit');
  child.disconnect();
  expect(await exit).toEqual([0, null]);
});
