/**
 * Host and port as a client writes them, read exactly one way.
 *
 * What two parsers could read as two hosts is malformed: control characters, percent signs, user parts, letters beyond ASCII, and every
 * spelling of an IPv4 address other than four plain decimal numbers.
 */

import ipaddr from 'ipaddr.js';

export type Host =
  | { readonly kind: 'name'; readonly text: string }
  /** In its canonical spelling; an IPv4 address inside an IPv6 one is that IPv4 address. */
  | { readonly kind: 'address'; readonly text: string };

export interface Target {
  readonly host: Host;
  readonly port: number;
}

const maxName = 253;
const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const plainV4 = /^(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})$/;
/** A last label that some parsers take for a number makes the whole name an address to them (WHATWG URL, "ends in a number"). */
const numeric = /^(?:\d+|0x[0-9a-f]*)$/;

function parseAddress(text: string): Host | undefined {
  return ipaddr.isValid(text) ? { kind: 'address', text: ipaddr.process(text).toString() } : undefined;
}

/** A host without its port; an IPv6 address stands in brackets. Undefined when malformed. */
export function parseHost(text: string): Host | undefined {
  if (text.startsWith('[')) {
    const inner = /^\[([0-9a-fA-F:.]{2,45})\]$/.exec(text)?.[1];
    return inner === undefined || !inner.includes(':') ? undefined : parseAddress(inner);
  }
  const lower = text.toLowerCase();
  if (plainV4.test(lower)) return parseAddress(lower);
  if (lower.length === 0 || lower.length > maxName) return undefined;
  const labels = lower.endsWith('.') ? lower.slice(0, -1).split('.') : lower.split('.');
  if (!labels.every((each) => label.test(each)) || numeric.test(labels.at(-1) ?? '')) return undefined;
  return { kind: 'name', text: lower };
}

/** `host:port`, the port optional when a default is given. Undefined when malformed. */
export function parseTarget(text: string, defaultPort?: number): Target | undefined {
  const parts = /^(\[[^\]]*\]|[^:]*)(?::([1-9]\d{0,4}))?$/.exec(text);
  const host = parseHost(parts?.[1] ?? '');
  const port = parts?.[2] === undefined ? defaultPort : Number(parts[2]);
  return host === undefined || port === undefined || port > 65_535 ? undefined : { host, port };
}

export const sameTarget = (a: Target, b: Target): boolean =>
  a.port === b.port && a.host.kind === b.host.kind && a.host.text === b.host.text;

export const formatTarget = ({ host, port }: Target): string =>
  host.text.includes(':') ? `[${host.text}]:${port}` : `${host.text}:${port}`;

/** A hostile text fit for a record: visible ASCII, bounded. */
export const shown = (text: string): string => text.slice(0, 300).replace(/[^!-~]/g, '?');
