/**
 * Takes a secret out of what comes back: an endpoint that echoes a request must not hand the agent what egress put into it. Each byte is
 * replaced by an asterisk, so lengths stay true. What could be the begin of the secret waits for the next bytes, nothing else does.
 */

import { Transform, type TransformCallback } from 'node:stream';

const asterisk = '*'.charCodeAt(0);

/** The spellings in which an endpoint is likely to repeat a secret. */
export function spellings(secret: string): string[] {
  const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '');
  const json = JSON.stringify(secret).slice(1, -1);
  const html = secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const hex = Buffer.from(secret).toString('hex');
  return [
    ...new Set([
      secret,
      json,
      html,
      encodeURIComponent(secret),
      base64,
      base64.replaceAll('+', '-').replaceAll('/', '_'),
      hex,
      hex.toUpperCase(),
    ]),
  ];
}

/** Overwrites every occurrence in place. */
function blank(bytes: Buffer, needles: readonly Buffer[]): void {
  for (const needle of needles) {
    for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + needle.length))
      bytes.fill(asterisk, at, at + needle.length);
  }
}

/** Length of the longest end of `bytes` that a needle begins with. */
function begun(bytes: Buffer, needles: readonly Buffer[]): number {
  let longest = 0;
  for (const needle of needles) {
    const first = needle[0] ?? 0;
    const from = Math.max(0, bytes.length - needle.length + 1);
    for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
      const length = bytes.length - at;
      if (length <= longest) break;
      if (bytes.subarray(at).equals(needle.subarray(0, length))) longest = length;
    }
  }
  return longest;
}

/** A body without the secret. */
export class Scrub extends Transform {
  readonly #needles: readonly Buffer[];
  #held: Buffer = Buffer.alloc(0);

  constructor(secret: string) {
    super();
    this.#needles = spellings(secret).map((text) => Buffer.from(text));
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    const bytes = Buffer.concat([this.#held, chunk]);
    blank(bytes, this.#needles);
    const keep = begun(bytes, this.#needles);
    this.#held = bytes.subarray(bytes.length - keep);
    done(null, bytes.subarray(0, bytes.length - keep));
  }

  override _flush(done: TransformCallback): void {
    done(null, this.#held);
  }
}

type Headers = Record<string, string | string[]>;

/** Headers without the secret, in their values and names. */
export function scrubHeaders(headers: Headers, secret: string): Headers {
  const needles = spellings(secret);
  const clean = (text: string): string =>
    needles.reduce((rest, needle) => rest.replaceAll(needle, '*'.repeat(needle.length)), text);
  // Names arrive in lower case.
  const named = (name: string): boolean => needles.some((needle) => name.includes(needle.toLowerCase()));
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !named(name))
      .map(([name, value]) => [name, Array.isArray(value) ? value.map(clean) : clean(value)]),
  );
}
