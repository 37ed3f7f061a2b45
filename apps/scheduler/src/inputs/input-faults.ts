/** Every refusal of inputs and of runs that stay; `faults.ts` holds the others, `docs/faults/scheduler.md` all of them. */

import { Fault } from '@sallyport/core/fault';
import { invalid } from '../invalid.ts';

export const runEnding = (run: string): Fault =>
  new Fault('failed_precondition', 'scheduler.run_ending', `run ${run} is being stopped; start another one`, { run });

export const runNotStaying = (run: string): Fault =>
  new Fault(
    'failed_precondition',
    'scheduler.run_not_staying',
    `run ${run} ends with its task and takes no further input; create one that stays, or cancel what it does`,
    { run },
  );

export const inputInvalid = (pointer: string, why: string): Fault =>
  invalid('scheduler.input_invalid', pointer, `${pointer}: ${why}`);

export const inputTooLarge = (size: number, limit: number): Fault =>
  invalid(
    'scheduler.input_too_large',
    '/input/text',
    `the text has ${size} bytes and the limit is ${limit}; put the rest into a workspace file`,
    { size: String(size), limit: String(limit) },
  );

export const inputConflict = (input: string): Fault =>
  new Fault(
    'already_exists',
    'scheduler.input_conflict',
    `${input} was accepted before and says something else; use a new id for a new input`,
    { input },
  );

export const inputsFull = (run: string, limit: number): Fault =>
  new Fault(
    'resource_exhausted',
    'scheduler.inputs_full',
    `run ${run} has ${limit} inputs and takes no more; wait until it has worked on some, or start another one`,
    { run, limit: String(limit) },
  );

export const stayUnfit = (runner: string): Fault =>
  invalid('scheduler.stay_unfit', '/stay', `the ${runner} runner runs once and cannot stay; use another runner`, {
    runner,
  });
