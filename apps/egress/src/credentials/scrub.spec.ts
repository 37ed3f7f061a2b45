import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import { Scrub, scrubHeaders, spellings } from './scrub.ts';

const secret = 'sk-test/ab+"0123456789';
const stars = (text: string): string => '*'.repeat(text.length);

const scrubbed = async (...chunks: string[]): Promise<string> =>
  String(await buffer(Readable.from(chunks.map((chunk) => Buffer.from(chunk))).pipe(new Scrub(secret))));

describe('a body', () => {
  test.each(spellings(secret))('loses the secret spelled as %s, and not a byte of its length', async (text) => {
    expect(await scrubbed(`a ${text} b ${text}`)).toBe(`a ${stars(text)} b ${stars(text)}`);
  });

  test('loses it wherever it is cut into two', async () => {
    for (let at = 0; at <= secret.length; at += 1)
      expect(await scrubbed(`x${secret.slice(0, at)}`, `${secret.slice(at)}y`)).toBe(`x${stars(secret)}y`);
  });

  test('loses it cut into single bytes, behind begins of it that led nowhere', async () => {
    const text = `sksk-sk-tesk-test/sk-${secret}sk-test`;
    expect(await scrubbed(...text.split(''))).toBe(text.replace(secret, stars(secret)));
  });

  test('keeps every other byte, whatever they are', async () => {
    const bytes = Buffer.from(Array.from({ length: 4_096 }, (_, at) => (at * 31 + 7) % 256));
    const out = await buffer(Readable.from([bytes.subarray(0, 1_000), bytes.subarray(1_000)]).pipe(new Scrub(secret)));
    expect(out.equals(bytes)).toBe(true);
  });

  test('waits for nothing that the secret does not begin with', () => {
    const scrub = new Scrub(secret);
    scrub.write('data: one\n\n');
    expect(String(scrub.read())).toBe('data: one\n\n');
    scrub.write('data: sk-te');
    expect(String(scrub.read())).toBe('data: ');
    scrub.write('st case\n\n');
    expect(String(scrub.read())).toBe('sk-test case\n\n');
  });
});

test('headers lose it in values and names', () => {
  const headers = { 'www-authenticate': `Key ${secret}`, link: [`<${secret}>`, 'ok'], [`x-${secret}`]: '1', date: 'd' };
  expect(scrubHeaders(headers, secret)).toEqual({
    'www-authenticate': `Key ${stars(secret)}`,
    link: [`<${stars(secret)}>`, 'ok'],
    date: 'd',
  });
});
