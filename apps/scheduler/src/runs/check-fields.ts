/** Rules that roles and runs share. Pure. */

import { type Mount, MountMode } from '@sallyport/contracts/unit/v1/unit';
import { codingAgents } from '@sallyport/core/coding-agents';
import { isSlug } from '@sallyport/core/ids';
import { mountInvalid, mountTwice, nameInvalid } from '../faults.ts';

/** Runners that a sandbox can drive. */
export const runners: readonly string[] = ['native', 'exec', 'acp', ...codingAgents.map(({ runner }) => runner)];

const maxMounts = 32;

/** Workspace names and modes. */
export function checkMounts(mounts: readonly Mount[], pointer: string): void {
  mounts.forEach((mount, index) => {
    if (!isSlug(mount.workspace)) throw nameInvalid(`${pointer}/${index}/workspace`);
    if (mount.mode !== MountMode.RO && mount.mode !== MountMode.RW) {
      throw mountInvalid(`${pointer}/${index}/mode`, 'the mode must be ro or rw');
    }
  });
}

/** Number and repetition, over the mounts of a role and those that a run adds behind them. */
export function checkTogether(ofRole: readonly Mount[], added: readonly Mount[], pointer: string): void {
  if (ofRole.length + added.length > maxMounts)
    throw mountInvalid(pointer, `at most ${maxMounts} mounts, the role's included`);
  const seen = new Set(ofRole.map((mount) => mount.workspace));
  added.forEach((mount, index) => {
    if (seen.has(mount.workspace)) throw mountTwice(`${pointer}/${index}/workspace`, mount.workspace);
    seen.add(mount.workspace);
  });
}

/** Text from outside that names something: no control characters, no space around it. */
export const isPrintable = (text: string, limit: number): boolean =>
  text.length > 0 &&
  text.length <= limit &&
  text.trim() === text &&
  text.isWellFormed() &&
  !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text);

/** A relative path that stays inside what it is relative to. */
export const isInnerPath = (path: string): boolean =>
  path.length > 0 &&
  path.length <= 1024 &&
  !/[\p{Cc}\\]/u.test(path) &&
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
