import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { messages } from '../messages.ts';

const contracts = fileURLToPath(new URL('..', import.meta.url));

test('Python parses and prints every frozen example the same', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sally-python-'));
  const run = (program: string, args: readonly string[]): string =>
    execFileSync(program, args, { cwd: contracts, encoding: 'utf8' });
  try {
    run('python3', ['-m', 'venv', join(directory, 'venv')]);
    run(join(directory, 'venv/bin/pip'), ['install', '--quiet', '--disable-pip-version-check', 'protobuf==7.36.2']);
    run('npx', ['buf', 'build', '-o', join(directory, 'contracts.binpb')]);
    const said = run(join(directory, 'venv/bin/python'), [
      'test/second_language.py',
      join(directory, 'contracts.binpb'),
    ]);
    expect(said.trim()).toBe(`${messages().length} examples agree`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
