/** The API key a request carries: a bearer token, or the password of HTTP Basic as git sends it. Nothing is judged here. */

import { keyMalformed, keyMissing } from '../faults.ts';

const keyForm = /^sally_[A-Za-z0-9_-]{20,200}$/;

/** The key of an Authorization header. Throws when it is missing or has another form. */
export function keyOf(authorization: string | undefined): string {
  if (authorization === undefined || authorization === '') throw keyMissing();
  const [scheme = '', value = ''] = authorization.trim().split(/\s+/, 2);
  const key = scheme.toLowerCase() === 'basic' ? basicPassword(value) : value;
  if (!['basic', 'bearer'].includes(scheme.toLowerCase()) || !keyForm.test(key)) throw keyMalformed();
  return key;
}

function basicPassword(encoded: string): string {
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  return text.slice(text.indexOf(':') + 1);
}
