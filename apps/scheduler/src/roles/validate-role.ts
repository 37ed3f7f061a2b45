/** Says which field of a role breaks which rule. Pure. */

import type { Role } from '@sallyport/contracts/schedule/v1/schedule';
import { Dialect, type Provider } from '@sallyport/contracts/unit/v1/unit';
import { isSlug } from '@sallyport/core/ids';
import { nameInvalid, providerInvalid, runnerUnknown, textInvalid } from '../faults.ts';
import { checkProviderOf } from '../runners/check-provider.ts';
import { checkMounts, checkTogether, isPrintable, runners } from '../runs/check-fields.ts';
import { checkLimits } from '../runs/limits.ts';

const maxTools = 128;
const dialects: readonly number[] = Object.values(Dialect).filter((dialect) => dialect !== Dialect.UNSPECIFIED);
const maxPersonaBytes = 64 * 1024;

export function checkRole(role: Role): void {
  if (!isSlug(role.name)) throw nameInvalid('/role/name');
  if (!runners.includes(role.runner)) throw runnerUnknown('/role/runner', role.runner, runners);
  if (role.provider !== undefined) checkProvider(role.provider, '/role/provider');
  checkProviderOf(role.runner, role.provider, '/role/provider/dialect');
  if (role.profile !== '' && !isSlug(role.profile)) throw nameInvalid('/role/profile');
  if (role.tools.length > maxTools) throw textInvalid('/role/tools', maxTools);
  role.tools.forEach((tool, index) => {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(tool)) throw textInvalid(`/role/tools/${index}`, 128);
  });
  checkLimits(role.limits, '/role/limits');
  if (Buffer.byteLength(role.persona) > maxPersonaBytes || role.persona.includes('\0'))
    throw textInvalid('/role/persona', maxPersonaBytes);
  checkMounts(role.mounts, '/role/mounts');
  checkTogether([], role.mounts, '/role/mounts');
}

/** Egress sends model calls to this address: it must be plain, and hold no secret of its own. */
function checkProvider(provider: Provider, pointer: string): void {
  if (!isSlug(provider.name)) throw nameInvalid(`${pointer}/name`);
  if (!dialects.includes(provider.dialect)) {
    throw providerInvalid(`${pointer}/dialect`, 'name the wire protocol that the endpoint speaks');
  }
  const url = URL.parse(provider.baseUrl);
  if (url === null || provider.baseUrl.length > 2048) throw providerInvalid(`${pointer}/base_url`, 'it is not a URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw providerInvalid(`${pointer}/base_url`, 'only http and https are spoken');
  if (url.hostname === '') throw providerInvalid(`${pointer}/base_url`, 'it names no host');
  if (url.username !== '' || url.password !== '')
    throw providerInvalid(`${pointer}/base_url`, 'it holds a password; put a reference into credential');
  if (url.search !== '' || url.hash !== '')
    throw providerInvalid(`${pointer}/base_url`, 'it may have a path and nothing behind it');
  if (provider.model !== '' && !isPrintable(provider.model, 200)) throw textInvalid(`${pointer}/model`, 200);
  if (provider.credential !== '' && !isPrintable(provider.credential, 200))
    throw textInvalid(`${pointer}/credential`, 200);
}
