import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { repository } from './options.ts';
import { SupervisedProcess } from './process.ts';

const folder = mkdtempSync(join(tmpdir(), 'sally-process-'));
const log = join(folder, 'log');

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Why a program of these arguments did not start. */
const refusal = (...argv: string[]): Promise<Error> => {
  rmSync(log, { force: true });
  const spec = { name: 'model', argv, env: { PATH: process.env['PATH'] ?? '' }, log, verbose: false };
  return new SupervisedProcess(spec, process.execPath).start().then(
    () => Promise.reject(new Error('it started')),
    (error: Error) => error,
  );
};

const program = (text: string): string => {
  const file = join(folder, 'program.mjs');
  writeFileSync(file, text);
  return file;
};

describe('a program that does not start', () => {
  test('is told of by the error that nobody caught, and not by the last line Node prints', async () => {
    const said = await refusal(program('throw new TypeError("no such model")'));
    expect(said).toMatchObject({ code: 'unavailable', reason: 'start.service' });
    expect(said.message).toBe(`model did not start (exit 1): TypeError: no such model\nIts whole log is ${log}`);
  });

  test('is told of by its own last error', async () => {
    const lines = ['{"level":"error","error":{"message":"no key"}}', '{"level":"info","msg":"ending"}'];
    const said = await refusal(program(`console.log(${JSON.stringify(lines.join('\n'))}); process.exit(3)`));
    expect(said.message).toContain('(exit 3): no key\n');
  });

  test('is told of by its last words', async () => {
    expect((await refusal(program('console.error("one\\ntwo"); process.exit(1)'))).message).toContain(': two\n');
    expect((await refusal(program('process.exit(1)'))).message).toContain(': it said nothing\n');
  });

  test('names the port it could not have', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const model = join(repository, 'tools', 'scripted-model', 'src', 'main.ts');
    const said = await refusal(model, '--port', String(port));
    server.close();
    expect(said.message).toContain(`(exit 1): listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`);
  });
});
