/** What one evaluation may make of text and bytes: a few doublings of a small literal are more than any memory holds. */

import { CelScalar, celFunc } from '@bufbuild/cel';

const { BYTES, STRING } = CelScalar;

/** Characters and bytes an evaluation may make, all results along the way together. */
export const allowance = 4 * 1024 * 1024;

let left = allowance;
let over = false;

/** Starts anew, for the next evaluation. */
export function renewAllowance(): void {
  left = allowance;
  over = false;
}

/** Whether the evaluation asked for more than it may; an error inside an expression can be lost in an `||`, this cannot. */
export const isOverAllowance = (): boolean => over;

function take(length: number): void {
  over ||= length > left;
  if (over) throw new RangeError('it makes too much text or too many bytes');
  left -= length;
}

/** In place of the functions that make text or bytes larger than what they are given, or buffers of it. */
export const boundedFunctions = [
  celFunc('_+_', [STRING, STRING], STRING, (one, other) => {
    take(one.length + other.length);
    return one + other;
  }),
  celFunc('_+_', [BYTES, BYTES], BYTES, (one, other) => {
    take(one.byteLength + other.byteLength);
    return Buffer.concat([one, other]);
  }),
  celFunc('bytes', [STRING], BYTES, (text) => {
    take(Buffer.byteLength(text));
    return new TextEncoder().encode(text);
  }),
];
