import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Kek } from './kek.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sally-kek-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function file(bytes: number, mode: number): string {
  const path = join(directory, `${bytes}-${mode}`);
  writeFileSync(path, randomBytes(bytes));
  chmodSync(path, mode);
  return path;
}

describe('the key encryption key', () => {
  test.each([0o640, 0o604, 0o660, 0o644, 0o610])('is refused from a file of mode %o', (mode) => {
    expect(() => Kek.read(file(32, mode))).toThrow(expect.objectContaining({ reason: 'identity.kek_unusable' }));
  });

  test.each([0, 31, 33, 64])('is refused when it has %i bytes', (bytes) => {
    expect(() => Kek.read(file(bytes, 0o600))).toThrow(expect.objectContaining({ reason: 'identity.kek_unusable' }));
  });

  test('opens what it sealed and nothing else', () => {
    const kek = Kek.read(file(32, 0o600));
    const sealed = kek.seal('k1', 'secret');
    expect(sealed.includes('secret')).toBe(false);
    expect(kek.open('k1', sealed)).toBe('secret');
    expect(() => kek.open('k2', sealed)).toThrow();
    expect(() => new Kek(randomBytes(32)).open('k1', sealed)).toThrow();
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => kek.open('k1', changed)).toThrow();
    }
  });
});
