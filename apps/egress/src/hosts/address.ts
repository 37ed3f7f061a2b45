/** Which addresses egress dials, and which nobody gets to through it. */

import ipaddr from 'ipaddr.js';

/** Beyond the public internet, an operator's own networks: the operator named the endpoint. */
const dialled: ReadonlySet<string> = new Set(['unicast', 'loopback', 'private', 'uniqueLocal', 'carrierGradeNat']);

/** Cloud metadata services that live outside the link-local range. */
const metadata: ReadonlySet<string> = new Set([
  '100.100.100.200', // Alibaba Cloud
  '168.63.129.16', // Azure
  'fd00:ec2::254', // AWS
  'fd20:ce::254', // Google Cloud
]);

/** IPv6 addresses that are global unicast by assignment; what else the library calls unicast embeds or reserves something. */
const globalV6 = ipaddr.parseCIDR('2000::/3');

/** Whether an address may be dialled for an endpoint that an operator configured. */
export function isDiallable(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  if (metadata.has(address.toString()) || !dialled.has(address.range())) return false;
  return address.kind() === 'ipv4' || address.range() !== 'unicast' || address.match(globalV6);
}

/** Whether a destination is special rather than merely not allowed: anything but a public address. */
export function isSpecial(text: string): boolean {
  if (!ipaddr.isValid(text)) return true;
  const address = ipaddr.process(text);
  return address.range() !== 'unicast' || metadata.has(address.toString());
}
