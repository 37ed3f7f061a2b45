/** How each dialect shows a credential, and whose it is when nobody says. Pure. */

import type { CredentialFile, Scheme } from './credential-file.ts';

interface Vendor {
  readonly scheme: Scheme;
  readonly origins: readonly string[];
}

const openai: Vendor = { scheme: 'bearer', origins: ['https://api.openai.com'] };

const vendors: Readonly<Record<string, Vendor>> = {
  anthropic_messages: { scheme: 'x-api-key', origins: ['https://api.anthropic.com'] },
  openai_chat: openai,
  openai_responses: openai,
  gemini: { scheme: 'x-goog-api-key', origins: ['https://generativelanguage.googleapis.com'] },
};

const nobody: Vendor = { scheme: 'bearer', origins: [] };

const vendorOf = (dialect: string): Vendor => (Object.hasOwn(vendors, dialect) ? (vendors[dialect] ?? nobody) : nobody);

/** Whether a credential may go to an endpoint. */
export function mayGo({ origins }: CredentialFile, dialect: string, url: URL): boolean {
  return (origins.length > 0 ? origins : vendorOf(dialect).origins).includes(url.origin);
}

/** The one header that carries it. */
export function authHeader({ secret, scheme }: CredentialFile, dialect: string): Readonly<Record<string, string>> {
  const shown = scheme ?? vendorOf(dialect).scheme;
  return shown === 'bearer' ? { authorization: `Bearer ${secret}` } : { [shown]: secret };
}
