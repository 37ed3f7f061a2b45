/** Judges a request as far as it can be judged before its role is read. Pure. */

import type { CreateRunRequest } from '@sallyport/contracts/schedule/v1/schedule';
import type { Start } from '@sallyport/contracts/unit/v1/unit';
import { isSlug } from '@sallyport/core/ids';
import {
  argvInvalid,
  nameInvalid,
  roleOrRunner,
  runnerUnknown,
  startInvalid,
  startMissing,
  taskTooLarge,
  textInvalid,
} from '../faults.ts';
import { checkMounts, isInnerPath, isPrintable, runners } from './check-fields.ts';
import { checkLimits } from './limits.ts';

export const maxTaskBytes = 256 * 1024;
const maxArgv = 256;
const maxArgvBytes = 64 * 1024;

/** Refuses what breaks a rule, with a pointer to the field. */
export function checkRequest(request: CreateRunRequest): void {
  checkNames(request);
  checkMounts(request.mounts, '/mounts');
  checkArgv(request.argv);
  checkLimits(request.limits, '/limits');
  if (request.start !== undefined) checkStart(request.start);
}

function checkNames({ role, runner, profile, session, idempotencyKey }: CreateRunRequest): void {
  if ((role === '') === (runner === '')) throw roleOrRunner();
  if (role !== '' && !isSlug(role)) throw nameInvalid('/role');
  if (runner !== '' && !runners.includes(runner)) throw runnerUnknown('/runner', runner, runners);
  if (profile !== '' && !isSlug(profile)) throw nameInvalid('/profile');
  if (session !== '' && !isSlug(session)) throw nameInvalid('/session');
  if (idempotencyKey !== '' && !isPrintable(idempotencyKey, 255)) throw textInvalid('/idempotency_key', 255);
}

function checkArgv(argv: readonly string[]): void {
  if (argv.length > maxArgv) throw argvInvalid('/argv', `at most ${maxArgv} arguments`);
  if (argv[0] === '') throw argvInvalid('/argv/0', 'the command is empty');
  const nul = argv.findIndex((argument) => argument.includes('\0'));
  if (nul >= 0) throw argvInvalid(`/argv/${nul}`, 'an argument cannot hold NUL');
  const size = argv.reduce((sum, argument) => sum + Buffer.byteLength(argument), 0);
  if (size > maxArgvBytes) throw argvInvalid('/argv', `at most ${maxArgvBytes} bytes in all`);
}

function checkStart({ start }: Start): void {
  switch (start.case) {
    case 'inline': {
      const size = Buffer.byteLength(start.value);
      if (size > maxTaskBytes) throw taskTooLarge(size, maxTaskBytes);
      if (start.value.trim() === '') throw startMissing();
      return;
    }
    case 'path':
    case 'session':
      if (!isInnerPath(start.value))
        throw startInvalid(`/start/${start.case}`, 'give a relative path without . or .. parts');
      return;
    case undefined:
      throw startMissing();
  }
}
