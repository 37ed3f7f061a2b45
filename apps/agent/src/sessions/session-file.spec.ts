import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeSession, encodeSession, maxSessionBytes, type SessionFile } from './session-file.ts';
import { SessionStore, sessionPath } from './session-store.ts';

const aSession = (over: Partial<SessionFile> = {}): SessionFile => ({
  runner: 'native',
  version: '1',
  session: 'plan',
  native: 'plan',
  files: [
    { path: 'text.json', data: Buffer.from('\uFEFFé\u0000"}') },
    { path: 'deep/er/bytes', data: Uint8Array.from([0xff, 0xfe, 0]) },
    { path: 'empty', data: Buffer.alloc(0) },
  ],
  ...over,
});

const plain = (file: SessionFile) => ({
  ...file,
  files: file.files.map(({ path, data }) => ({ path, data: Buffer.from(data).toString('hex') })),
});

const document = (over: Partial<SessionFile> = {}): string => encodeSession(aSession(over));
const read = (text: string): SessionFile => decodeSession(Buffer.from(text));

describe('a session file', () => {
  test('is read as it was written, text and bytes', () => {
    expect(plain(read(document()))).toEqual(plain(aSession()));
  });

  test.each([
    ['climbs', '../x'],
    ['climbs in the middle', 'a/../../x'],
    ['is absolute', '/etc/passwd'],
    ['is empty', ''],
    ['has an empty part', 'a//b'],
    ['has a NUL', 'a\0b'],
    ['has a backslash', 'a\\..\\b'],
    ['is endless', 'x'.repeat(1025)],
  ])('holds no path that %s, neither written nor read', (_what, path) => {
    const files = [{ path, data: Buffer.from('x') }];
    expect(() => document({ files })).toThrow(expect.objectContaining({ reason: 'runner.session_malformed' }));
    const forged = document({ files: [{ path: 'PATH', data: Buffer.from('x') }] }).replace(
      '"PATH"',
      JSON.stringify(path),
    );
    expect(() => read(forged)).toThrow(expect.objectContaining({ reason: 'runner.session_malformed' }));
  });

  test.each<[string, string[]]>([
    ['one path twice', ['a', 'a']],
    ['a file that is a folder too', ['a', 'a/b']],
  ])('does not hold %s', (_what, paths) => {
    const files = paths.map((path) => ({ path, data: Buffer.from('x') }));
    expect(() => document({ files })).toThrow(expect.objectContaining({ reason: 'runner.session_malformed' }));
  });

  test.each<[string, (text: string) => string]>([
    ['is cut off', (text) => text.slice(0, -20)],
    ['is no JSON', () => 'no'],
    ['is null', () => 'null'],
    ['is a list', () => '[]'],
    ['is of another format', (text) => text.replace('"format": 1', '"format": 2')],
    ['names another runner than was hashed', (text) => text.replace('"runner": "native"', '"runner": "codex"')],
    ['has no name', (text) => text.replace('"session": "plan"', '"session": "../../x"')],
    ['holds other bytes than were hashed', (text) => text.replace('//4A', '//4B')],
    ['holds content twice', (text) => text.replace('"base64"', '"text": "x", "base64"')],
    ['has files that are none', (text) => text.replace('"files": [', '"files": [7,')],
    ['has no hash', (text) => text.replace('"sha256"', '"sha1"')],
  ])('is refused when it %s', (_what, change) => {
    const changed = change(document());
    expect(changed).not.toBe(document());
    expect(() => read(changed)).toThrow(expect.objectContaining({ reason: 'runner.session_malformed' }));
  });

  test('has a bound, whatever it is made of', () => {
    const half = Buffer.alloc(maxSessionBytes * 0.8, 0xff);
    const files = [{ path: 'a', data: half }];
    expect(() => document({ files })).toThrow(expect.objectContaining({ reason: 'runner.session_too_large' }));
    const many = Array.from({ length: 5000 }, (_, index) => ({ path: `${index}`, data: Buffer.alloc(0) }));
    expect(() => document({ files: many })).toThrow(expect.objectContaining({ reason: 'runner.session_malformed' }));
    expect(() => decodeSession(Buffer.alloc(maxSessionBytes + 1, 0x20))).toThrow(
      expect.objectContaining({ reason: 'runner.session_too_large' }),
    );
  });
});

describe('the place of a session file', () => {
  let root: string;
  const path = sessionPath('plan');
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sessions-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  test('holds the last one that was saved', async () => {
    const store = new SessionStore(root);
    expect(await store.load(path)).toBeUndefined();
    await store.save(path, aSession());
    await store.save(path, aSession({ native: 'later' }));
    expect(await store.load(path)).toMatchObject({ native: 'later' });
  });

  test('keeps the one before when the next cannot be written', async () => {
    const store = new SessionStore(root);
    await store.save(path, aSession());
    const before = readFileSync(join(root, path), 'utf8');
    const tooLarge = aSession({ files: [{ path: 'a', data: Buffer.alloc(maxSessionBytes) }] });
    await expect(store.save(path, tooLarge)).rejects.toMatchObject({ reason: 'runner.session_too_large' });
    expect(readFileSync(join(root, path), 'utf8')).toBe(before);
  });

  test.each<[string, (root: string) => void]>([
    ['a link in place of the file', () => symlinkSync('/etc/passwd', join(root, path))],
    ['a folder in place of the file', () => mkdirSync(join(root, path))],
    [
      'more than a session file may hold',
      () => {
        writeFileSync(join(root, path), '');
        truncateSync(join(root, path), maxSessionBytes + 1);
      },
    ],
  ])('refuses to read %s', async (_what, make) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    make(root);
    await expect(new SessionStore(root).load(path)).rejects.toMatchObject({ name: 'SessionUnusable' });
  });

  test('is never behind a link', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'elsewhere-'));
    symlinkSync(elsewhere, join(root, '.sally'));
    const store = new SessionStore(root);
    await expect(store.save(path, aSession())).rejects.toMatchObject({ name: 'SessionUnusable' });
    await expect(store.load(path)).rejects.toMatchObject({ name: 'SessionUnusable' });
    await expect(store.load('../x')).rejects.toMatchObject({ reason: 'runner.session_malformed' });
    rmSync(elsewhere, { recursive: true });
  });
});
