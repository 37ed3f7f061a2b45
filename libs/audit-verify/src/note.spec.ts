import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { openCheckpoint, originOf, parseTreeHead, signCheckpoint } from './checkpoint.ts';
import { emptyRoot } from './merkle.ts';
import { judgeNote, noteSigner, parseNote, parseVkey, signNote } from './note.ts';

const signer = noteSigner(originOf('demo'), generateKeyPairSync('ed25519').privateKey);
const other = noteSigner(originOf('demo'), generateKeyPairSync('ed25519').privateKey);

describe('signed notes', () => {
  test("agree with the example of Go's sumdb/note", () => {
    const key = parseVkey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW');
    const note = parseNote(
      'If you think cryptography is the answer to your problem,\n' +
        "then you don't know what your problem is.\n" +
        '\n' +
        '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n',
    );
    expect(key && note && judgeNote(note, key)).toBe('good');
  });

  test('carry a vkey that reads back', () => {
    expect(parseVkey(signer.vkey)).toMatchObject({ name: signer.name, id: signer.id, vkey: signer.vkey });
  });

  test('are bad or unreadable after any single flipped bit', () => {
    const bytes = Buffer.from(signNote('one\ntwo\n', signer));
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const note = parseNote(changed);
      expect(note === undefined ? 'unreadable' : judgeNote(note, signer)).not.toBe('good');
    }
  });

  test.each([
    ['no signature', 'text\n'],
    ['no final line feed', signNote('text\n', signer).slice(0, -1)],
    ['a signature with loose base64', signNote('text\n', signer).replace('=', '')],
    ['a hyphen for the dash', signNote('text\n', signer).replace('—', '-')],
  ])('with %s are not notes', (_, text) => {
    expect(parseNote(text)).toBeUndefined();
  });

  test.each([
    ['another algorithm', () => signer.vkey.replace('+A', '+B')],
    ['another key id', () => signer.vkey.replace(signer.id, '00000000')],
    ['a space in the name', () => signer.vkey.replace('sallyport', 'sally port')],
    ['nothing', () => ''],
  ])('are not checked by a vkey with %s', (_, vkey) => {
    expect(parseVkey(vkey())).toBeUndefined();
  });
});

describe('checkpoints', () => {
  test('open to what was signed', () => {
    expect(openCheckpoint(signCheckpoint(0, emptyRoot, signer), signer)).toEqual({
      origin: 'sallyport.local/audit/demo',
      size: 0,
      root: emptyRoot,
    });
  });

  test.each([
    ['other_key', () => signCheckpoint(1, emptyRoot, other)],
    ['bad_signature', () => signCheckpoint(1, emptyRoot, signer).replace('\n1\n', '\n2\n')],
    ['other_origin', () => signNote(`elsewhere\n1\n${emptyRoot.toString('base64')}\n`, signer)],
    ['malformed', () => signNote('bundle manifest\nabc\n', signer)],
  ])('are refused as %s', (verdict, note) => {
    expect(openCheckpoint(note(), signer)).toBe(verdict);
  });

  test.each(['01', '-1', '1e3', '9007199254740993', ''])('do not take %s for a size', (size) => {
    expect(parseTreeHead(`o\n${size}\n${emptyRoot.toString('base64')}\n`)).toBeUndefined();
  });
});
