import { describe, expect, test } from '@jest/globals';
import { authHeader, mayGo } from './auth-header.ts';
import { parseCredential } from './credential-file.ts';

const secret = 'sk-test-0123456789';

describe('a credential file', () => {
  test.each([secret, `${secret}\n`, `${secret}\r\n`, `  ${secret}  \n\n`])('is the secret alone in %j', (text) => {
    expect(parseCredential(text)).toEqual({ secret, origins: [], scheme: undefined });
  });

  test('says where the secret may go and how it is shown', () => {
    const text = `${secret}\norigin https://a.example\norigin http://127.0.0.1:8080\nscheme bearer\n`;
    expect(parseCredential(text)).toEqual({
      secret,
      origins: ['https://a.example', 'http://127.0.0.1:8080'],
      scheme: 'bearer',
    });
  });

  test.each([
    ['nothing', ''],
    ['less than a secret', 'short'],
    ['two words for a secret', 'sk-test 0123456789'],
    ['a control character in the secret', 'sk-test\u0001-0123456789'],
    ['a letter no header carries', 'sk-tést-0123456789'],
    ['an origin with a path', `${secret}\norigin https://a.example/v1`],
    ['an origin without a scheme', `${secret}\norigin a.example`],
    ['an origin in capitals', `${secret}\norigin https://A.example`],
    ['an origin of another scheme', `${secret}\norigin ftp://a.example`],
    ['a scheme nobody speaks', `${secret}\nscheme cookie`],
    ['a line that says something else', `${secret}\nhost a.example`],
    ['a second secret', `${secret}\n${secret}`],
  ])('that holds %s is not used', (_what, text) => {
    expect(parseCredential(text)).toBeUndefined();
  });
});

describe('a credential', () => {
  const file = { secret, origins: [], scheme: undefined };

  test.each([
    ['anthropic_messages', { 'x-api-key': secret }],
    ['openai_chat', { authorization: `Bearer ${secret}` }],
    ['openai_responses', { authorization: `Bearer ${secret}` }],
    ['gemini', { 'x-goog-api-key': secret }],
    ['', { authorization: `Bearer ${secret}` }],
    ['constructor', { authorization: `Bearer ${secret}` }],
  ])('is shown in %j as that dialect does it', (dialect, header) => {
    expect(authHeader(file, dialect)).toEqual(header);
  });

  test('is shown as its file says, when it says so', () => {
    expect(authHeader({ ...file, scheme: 'bearer' }, 'anthropic_messages')).toEqual({
      authorization: `Bearer ${secret}`,
    });
    expect(authHeader({ ...file, scheme: 'api-key' }, 'openai_chat')).toEqual({ 'api-key': secret });
  });

  test.each([
    ['anthropic_messages', 'https://api.anthropic.com/v1/messages', true],
    ['anthropic_messages', 'http://api.anthropic.com/v1/messages', false],
    ['anthropic_messages', 'https://api.anthropic.com:8443/v1', false],
    ['anthropic_messages', 'https://api.anthropic.com.evil.example/v1', false],
    ['anthropic_messages', 'https://api.openai.com/v1', false],
    ['openai_responses', 'https://api.openai.com/v1', true],
    ['gemini', 'https://generativelanguage.googleapis.com/v1beta', true],
    ['', 'https://api.openai.com/v1', false],
  ])('that names no origin goes, in %j, to %s: %p', (dialect, url, may) => {
    expect(mayGo(file, dialect, new URL(url))).toBe(may);
  });

  test('that names origins goes there and to no vendor', () => {
    const bound = { ...file, origins: ['https://a.example'] };
    expect(mayGo(bound, 'anthropic_messages', new URL('https://a.example/v1'))).toBe(true);
    expect(mayGo(bound, 'anthropic_messages', new URL('https://api.anthropic.com/v1'))).toBe(false);
  });
});
