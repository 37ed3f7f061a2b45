/** Names answered without asking anyone: an address from a range that is routed nowhere. */

import { sha256Hex } from '@sallyport/core/canonical';
import { parseHost } from './host.ts';

/** The one name a sandbox can reach. */
export const modelHost = 'model.sallyport.internal';
export const modelPort = 80;

const modelAddress = '198.18.0.1';
/** 198.18.0.0/15 (RFC 2544), without the first 256, which are the platform's own. */
const base = 0xc612_0000;
const first = 256;
const size = 2 ** 17 - first;

const toAddress = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');

/** The address of a name, always the same; undefined when it is no host name. */
export function syntheticAddress(name: string): string | undefined {
  const host = parseHost(name);
  if (host?.kind !== 'name') return undefined;
  if (host.text === modelHost) return modelAddress;
  return toAddress(base + first + (Number.parseInt(sha256Hex(host.text).slice(0, 12), 16) % size));
}
