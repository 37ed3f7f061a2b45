/** Whether one HTTP request may leave, from the request and the token alone. Pure. */

import type { DispatchClaims } from '@sallyport/core/claims';
import type { DenyWord } from '../decisions/deny-reason.ts';
import { isSpecial } from '../hosts/address.ts';
import { parseTarget, sameTarget, type Target } from '../hosts/host.ts';
import { modelHost, modelPort } from '../hosts/synthetic.ts';

export interface HttpAsk {
  /** Where the connection was made to. */
  readonly target: Target;
  /** Every Host header, in order. */
  readonly hosts: readonly string[];
  /** Request target of the request line. */
  readonly path: string;
}

export type Ruling =
  | { readonly allowed: true; readonly url: URL }
  | { readonly allowed: false; readonly reason: DenyWord };

const denied = (reason: DenyWord): Ruling => ({ allowed: false, reason });

/** The authority an absolute request target names, or undefined for the usual form. */
function authorityOf(path: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(path)?.[1];
}

/** Path and query of either form. */
const pathOf = (path: string): string => path.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '') || '/';

/** Parameters by which an endpoint takes a credential. */
const keyParameters: ReadonlySet<string> = new Set(['key', 'api_key', 'api-key', 'apikey', 'access_token']);

/** A query without the credentials of whoever wrote it; the rest is left as it was written. */
function withoutKeys(search: string): string {
  if (search === '') return search;
  const kept = search
    .slice(1)
    .split('&')
    .filter((part) => ![...new URLSearchParams(part).keys()].some((name) => keyParameters.has(name.toLowerCase())));
  return kept.join('&');
}

/** The provider's URL for a path; undefined when the path would leave the provider's own prefix. */
export function upstreamUrl(base: string, path: string): URL | undefined {
  const provider = URL.canParse(base) ? new URL(base) : undefined;
  if (provider === undefined || (provider.protocol !== 'http:' && provider.protocol !== 'https:')) return undefined;
  const prefix = provider.pathname.replace(/\/+$/, '');
  // A prefix that ends as the path begins, as in `https://host/v1` and `/v1/messages`, says the same segment twice.
  const last = prefix.slice(prefix.lastIndexOf('/'));
  const rest = last !== '' && path.startsWith(`${last}/`) ? path.slice(last.length) : path;
  const joined = `${provider.origin}${prefix}${rest}`;
  if (!URL.canParse(joined)) return undefined;
  const url = new URL(joined);
  url.search = withoutKeys(url.search);
  return url.origin === provider.origin && url.pathname.startsWith(`${prefix}/`) ? url : undefined;
}

/** The checks stand in the order in which they refuse: form, agreement, address, host, port. */
export function ruleHttp({ target, hosts, path }: HttpAsk, claims: DispatchClaims): Ruling {
  const [host, ...more] = hosts;
  const named = host === undefined ? undefined : parseTarget(host, 80);
  if (named === undefined || more.length > 0) return denied('host_malformed');
  const authority = authorityOf(path);
  const inPath = authority === undefined ? named : parseTarget(authority, 80);
  if (inPath === undefined || (authority === undefined && !path.startsWith('/'))) return denied('host_malformed');
  if (!sameTarget(named, target) || !sameTarget(inPath, target)) return denied('host_mismatch');
  if (target.host.kind === 'address')
    return denied(isSpecial(target.host.text) ? 'address_forbidden' : 'host_not_allowed');
  if (target.host.text !== modelHost || claims.tctx.net.url === '') return denied('host_not_allowed');
  if (target.port !== modelPort) return denied('port_not_allowed');
  const url = upstreamUrl(claims.tctx.net.url, pathOf(path));
  return url === undefined ? denied('host_malformed') : { allowed: true, url };
}
