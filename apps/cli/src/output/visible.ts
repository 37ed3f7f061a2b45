/**
 * Text of an agent, fit for a terminal: whatever could move the cursor, change a title, write the clipboard or reverse the
 * reading order is shown as an escape instead of being obeyed.
 */

// Control characters but tab and line feed, format characters (bidirectional, zero-width, tags), line separators.
const dangerous = /(?![\t\n])[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** The text with every control character made visible; tabs and line feeds stay. */
export function visible(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(dangerous, escape);
}

/** The same on one line. */
export const visibleLine = (text: string): string => visible(text).replaceAll('\n', '\\n').replaceAll('\t', ' ');

/** JSON that says the same in characters that a terminal does not obey: those which JSON leaves as they are become its own escapes. */
export const visibleJson = (text: string): string => text.replace(dangerous, escapeInJson);

function escapeInJson(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }).join('');
}

function escape(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`;
  return `\\u{${code.toString(16)}}`;
}

/** Every string inside a value made visible, for forms that print text as it stands. */
export function visibleValue(value: unknown): unknown {
  if (typeof value === 'string') return visible(value);
  if (Array.isArray(value)) return value.map(visibleValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [visibleLine(key), visibleValue(item)]));
}
