import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { repository } from './options.ts';

const key = 'sk-test-0123456789';
let data: string;

beforeAll(() => {
  data = mkdtempSync(join(tmpdir(), 'sally-credential-'));
});
afterAll(() => rmSync(data, { recursive: true, force: true }));

const folder = (): string => join(data, 'secrets', 'credentials');

function credential(args: readonly string[], input = '') {
  const program = join(repository, 'tools', 'start', 'credential.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args, '--data', data], {
    input,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('a credential', () => {
  test('is put where egress looks, for its owner alone, and never printed', () => {
    const { status, stdout, stderr } = credential(['set', 'anthropic'], `${key}\n`);
    const file = join(folder(), 'acme', 'main', 'anthropic');
    expect({ status, text: readFileSync(file, 'utf8') }).toEqual({ status: 0, text: `${key}\n` });
    expect([statSync(file).mode & 0o777, statSync(dirname(file)).mode & 0o777]).toEqual([0o600, 0o700]);
    expect(stdout + stderr).not.toContain(key);
  });

  test('says where it may go and how it is shown', () => {
    const origins = ['--origin', 'https://a.example', '--origin', 'http://127.0.0.1:8080'];
    credential(['set', 'own', '--shared', ...origins, '--scheme', 'bearer'], key);
    expect(readFileSync(join(folder(), 'own'), 'utf8')).toBe(
      `${key}\norigin https://a.example\norigin http://127.0.0.1:8080\nscheme bearer\n`,
    );
  });

  test('replaces one that others could read, without writing into that file', () => {
    const file = join(folder(), 'wide');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, 'old');
    chmodSync(file, 0o644);
    credential(['set', 'wide', '--shared'], key);
    expect([statSync(file).mode & 0o777, readFileSync(file, 'utf8')]).toEqual([0o600, `${key}\n`]);
  });

  test('is listed by name and removed', () => {
    credential(['set', 'gone', '--org', 'other', '--environment', 'lab'], key);
    expect(credential(['ls']).stdout).toContain('gone  other/lab');
    expect(credential(['ls']).stdout).not.toContain(key);
    expect(credential(['rm', 'gone', '--org', 'other', '--environment', 'lab']).status).toBe(0);
    expect(credential(['rm', 'gone', '--org', 'other', '--environment', 'lab']).status).toBe(5);
    expect(credential(['ls']).stdout).not.toContain('gone');
  });

  test.each<[string, string[], string]>([
    ['no verb', [], key],
    ['another verb', ['get', 'x'], key],
    ['no name', ['set'], key],
    ['a path for a name', ['set', '../x'], key],
    ['the key on the command line', ['set', 'x', key], ''],
    ['a path for an org', ['set', 'x', '--org', '..'], key],
    ['no key', ['set', 'x'], '\n'],
    ['two lines', ['set', 'x'], `${key}\norigin https://evil.example`],
    ['an origin with a path', ['set', 'x', '--origin', 'https://a.example/v1'], key],
    ['an origin that is none', ['set', 'x', '--origin', 'a.example'], key],
    ['an unknown scheme', ['set', 'x', '--scheme', 'cookie'], key],
    ['an unknown flag', ['set', 'x', '--key', key], ''],
  ])('is refused with %s', (_what, args, input) => {
    expect(credential(args, input).status).toBe(2);
    expect(existsSync(join(folder(), 'acme', 'main', 'x'))).toBe(false);
  });
});
