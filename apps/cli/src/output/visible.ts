/**
 * Text of an agent, fit for a terminal: whatever could move the cursor, change a title, write the clipboard or reverse the
 * reading order is shown as an escape instead of being obeyed.
 */

// C0 but tab and line feed, DEL, C1, bidirectional controls, zero-width and line separators, the byte order mark.
// oxlint-disable-next-line no-control-regex -- these are the very characters that must not pass
const dangerous = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

/** The text with every control character made visible; tabs and line feeds stay. */
export function visible(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(dangerous, escape);
}

/** The same on one line. */
export const visibleLine = (text: string): string => visible(text).replaceAll('\n', '\\n').replaceAll('\t', ' ');

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
