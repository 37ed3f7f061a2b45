/**
 * Connects to providers and to nothing else: a name is resolved once per connection, every address it has must be one that may be
 * dialled, and the connection goes to an address that was looked at, never to a second answer.
 */

import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP } from 'node:net';
import { rootCertificates } from 'node:tls';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Agent, type Dispatcher } from 'undici';
import { isDiallable } from '../hosts/address.ts';

/** All addresses of a name. */
export type Lookup = (name: string, done: (error: Error | null, addresses: readonly LookupAddress[]) => void) => void;

/** An address that egress does not dial. */
export class AddressForbidden extends Error {
  override readonly name = 'AddressForbidden';
}

const connectMs = 10_000;
/** A model may think long before its first word, and between two. */
const silenceMs = 600_000;

/** A lookup for `net.connect` that answers only addresses that passed. */
export function checkedLookup(lookup: Lookup) {
  return (
    name: string,
    options: { readonly all?: boolean | undefined },
    done: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
  ): void => {
    lookup(name, (error, addresses) => {
      const [first] = addresses;
      if (error !== null || first === undefined) return done(error ?? new Error('the name has no address'), []);
      if (!addresses.every(({ address }) => isDiallable(address))) return done(new AddressForbidden(name), []);
      if (options.all === true) return done(null, [...addresses]);
      return done(null, first.address, first.family);
    });
  };
}

const usualLookup: Lookup = (name, done) =>
  systemLookup(name, { all: true, verbatim: false }, (error, found) => done(error, found ?? []));

export interface DialerOptions {
  readonly lookup?: Lookup;
  /** PEM of certificate authorities to trust beside the public ones. */
  readonly authorities?: string;
}

@Injectable()
export class Dialer implements OnModuleDestroy {
  readonly dispatcher: Dispatcher;

  constructor({ lookup = usualLookup, authorities }: DialerOptions = {}) {
    // Certificates are verified whatever NODE_TLS_REJECT_UNAUTHORIZED says; authorities of one's own come beside the public ones.
    const trusted = authorities === undefined ? {} : { ca: [...rootCertificates, authorities] };
    this.dispatcher = new Agent({
      connect: { lookup: checkedLookup(lookup), timeout: connectMs, rejectUnauthorized: true, ...trusted },
      headersTimeout: silenceMs,
      bodyTimeout: silenceMs,
      connections: 128,
    });
  }

  /** Whether a URL's host may be dialled as far as it can be told before resolving. A literal address is never looked up. */
  isDiallable({ hostname }: URL): boolean {
    const literal = hostname.replace(/^\[|\]$/g, '');
    return isIP(literal) === 0 || isDiallable(literal);
  }

  async onModuleDestroy(): Promise<void> {
    await this.dispatcher.destroy();
  }
}
