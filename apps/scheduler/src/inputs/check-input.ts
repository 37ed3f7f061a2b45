/** Judges an input as far as it can be judged before its run is read. Pure. */

import type { Input } from '@sallyport/contracts/unit/v1/input';
import { isId } from '@sallyport/core/ids';
import { inputInvalid, inputTooLarge } from './input-faults.ts';

export const maxInputBytes = 256 * 1024;

export type InputBody = Exclude<Input['body'], { case: undefined }>;

/** What is said. Throws a Fault with a pointer to the field. */
export function checkInput(input: Input | undefined): InputBody {
  if (input === undefined) throw inputInvalid('/input', 'there is no input');
  const { id, body } = input;
  if (id !== '' && !isId('input', id))
    throw inputInvalid('/input/id', 'an id is inp_ and 26 letters and digits; leave it out to get one');
  switch (body.case) {
    case 'text': {
      const size = Buffer.byteLength(body.value);
      if (size > maxInputBytes) throw inputTooLarge(size, maxInputBytes);
      if (body.value.trim() === '') throw inputInvalid('/input/text', 'the text is empty');
      return body;
    }
    case 'cancel':
      // The task of a dispatch is its first input and has the dispatch's own id.
      if (body.value !== '' && !isId('input', body.value) && !isId('dispatch', body.value))
        throw inputInvalid('/input/cancel', 'name the input to end, or nothing for the one that is worked on');
      return body;
    case 'leave':
      return body;
    case undefined:
      throw inputInvalid('/input', 'set a text, a cancel or a leave');
  }
}

/** Whether two inputs of one id say the same. */
export function saysTheSame(a: Input['body'], b: Input['body']): boolean {
  return a.case === b.case && (a.case === 'leave' || a.value === b.value);
}
