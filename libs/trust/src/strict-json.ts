/** JSON that no two parsers read differently: RFC 8259 with the freedoms of I-JSON (RFC 7493) taken away. */

import { isUtf8 } from 'node:buffer';

const quote = 0x22;
const backslash = 0x5c;

/** Index of the quote that closes the string opened at `open`; the text is known to be valid JSON. */
function closingQuote(text: string, open: number): number {
  let at = text.indexOf('"', open + 1);
  for (;;) {
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === backslash) slashes += 1;
    if (slashes % 2 === 0) return at;
    at = text.indexOf('"', at + 1);
  }
}

/** Whether a colon follows, which makes the string before it a member name. */
function isName(text: string, from: number): boolean {
  let at = from;
  while (' \t\n\r'.includes(text.charAt(at)) && at < text.length) at += 1;
  return text.charAt(at) === ':';
}

function refuseAmbiguity(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === 0x7b) open.push(new Set());
    else if (unit === 0x5b) open.push(undefined);
    else if (unit === 0x7d || unit === 0x5d) open.pop();
    else if (unit === quote) {
      const end = closingQuote(text, at);
      const inner = text.slice(at + 1, end);
      const value: string = inner.includes('\\') ? JSON.parse(`"${inner}"`) : inner;
      if (!value.isWellFormed()) throw new SyntaxError('a string holds a lone surrogate');
      at = end;
      if (!isName(text, end + 1)) continue;
      const names = open.at(-1);
      if (value === '__proto__' || names?.has(value)) throw new SyntaxError('a member name is repeated or reserved');
      names?.add(value);
    }
  }
}

/** The value of UTF-8 JSON bytes. Throws on bad UTF-8, a repeated member, `__proto__` and lone surrogates. */
export function parseStrictJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new SyntaxError('not UTF-8');
  const text = bytes.toString('utf8');
  const value: unknown = JSON.parse(text);
  // Text that is its own serialisation repeats no member, and without a backslash it hides none: the usual case, at a third of the cost.
  const plain = !text.includes('\\') && !text.includes('"__proto__"') && JSON.stringify(value) === text;
  if (!plain) refuseAmbiguity(text);
  return value;
}
