import { describe, expect, test } from '@jest/globals';
import { visible, visibleJson, visibleLine, visibleValue } from './visible.ts';

describe('text of an agent', () => {
  test.each([
    ['a cursor movement', '\u001b[2J', '\\x1b[2J'],
    ['a window title', '\u001b]0;owned\u0007', '\\x1b]0;owned\\x07'],
    ['a clipboard write', '\u001b]52;c;cm0gLXJm\u001b\\', '\\x1b]52;c;cm0gLXJm\\x1b\\'],
    ['a device control string', '\u001bPq\u001b\\', '\\x1bPq\\x1b\\'],
    ['a C1 sequence', '\u009b31m', '\\x9b31m'],
    ['a carriage return that hides a line', 'safe\rrm -rf', 'safe\\x0drm -rf'],
    ['a backspace', 'a\bb', 'a\\x08b'],
    ['a NUL and a DEL', '\u0000\u007f', '\\x00\\x7f'],
    ['a right-to-left override', 'a\u202egpj.exe', 'a\\u{202e}gpj.exe'],
    ['an isolate', '\u2066x\u2069', '\\u{2066}x\\u{2069}'],
    ['a zero-width joiner and a byte order mark', '\u200d\ufeff', '\\u{200d}\\u{feff}'],
    ['a tag character', '\u{e0041}', '\\u{e0041}'],
    ['a line separator', 'a\u2028b', 'a\\u{2028}b'],
  ])('shows %s instead of obeying it', (_, hostile, shown) => {
    expect(visible(hostile)).toBe(shown);
  });

  test('keeps what is plain: tabs, line ends, accents and pictures', () => {
    expect(visible('a\tb\r\nzoë 🚀\n')).toBe('a\tb\nzoë 🚀\n');
  });

  test('lets no control character through, whatever comes', () => {
    const all = Array.from({ length: 0x3000 }, (_, code) => String.fromCodePoint(code)).join('');
    expect(visible(all).replaceAll(/[\t\n]/g, '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  test('stays on its line where there is one line', () => {
    expect(visibleLine('a\nb\tc')).toBe('a\\nb c');
  });

  test('is the same JSON in characters that are not obeyed', () => {
    const all = Array.from({ length: 0x3000 }, (_, code) => String.fromCodePoint(code)).join('');
    const json = JSON.stringify({ [all]: [`${all}\u{e0041}`, 'zoë 🚀'] }, null, 2);
    const shown = visibleJson(json);
    expect(JSON.parse(shown)).toEqual(JSON.parse(json));
    expect(shown.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
    expect(shown).toContain('zoë 🚀');
    expect(visibleJson('"\u009b31m\u{e0041}"')).toBe('"\\u009b31m\\udb40\\udc41"');
  });

  test('is cleaned inside of values, keys too', () => {
    expect(visibleValue({ 'a\u001b': ['\u001b[1m', 1, null] })).toEqual({ 'a\\x1b': ['\\x1b[1m', 1, null] });
  });
});
