import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { SigningKey } from './signing-key.ts';

const directory = mkdtempSync(join(tmpdir(), 'sally-key-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('SigningKey', () => {
  test('is made once, readable by its owner alone, and stays the same', () => {
    const path = join(directory, 'log.key');
    const first = SigningKey.load(path).signerOf('acme');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(SigningKey.load(path).signerOf('acme').vkey).toBe(first.vkey);
    expect(first.name).toBe('sallyport.local/audit/acme');
  });

  test.each<[string, () => string, number]>([
    [
      'is readable by others',
      () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      0o640,
    ],
    ['is no key', () => 'nonsense', 0o600],
    ['is empty', () => '', 0o600],
    [
      'is of another kind',
      () =>
        generateKeyPairSync('ec', { namedCurve: 'P-256' })
          .privateKey.export({ type: 'pkcs8', format: 'pem' })
          .toString(),
      0o600,
    ],
  ])('refuses a file that %s', (name, content, mode) => {
    const path = join(directory, name.replaceAll(' ', '-'));
    writeFileSync(path, content());
    chmodSync(path, mode);
    let reason: unknown;
    try {
      SigningKey.load(path);
    } catch (error) {
      reason = (error as { reason?: unknown }).reason;
    }
    expect(reason).toBe('audit.key_unusable');
  });
});
