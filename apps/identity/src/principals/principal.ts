/** Principals: their rows, their wire form, and what a name and an address may be. */

import { type MessageInitShape } from '@bufbuild/protobuf';
import { PrincipalKind, type PrincipalSchema } from '@sallyport/contracts/identity/v1/identity';
import { argumentInvalid } from '../faults.ts';

export interface Principal {
  readonly id: string;
  readonly org: string;
  readonly kind: 'user' | 'service';
  readonly name: string;
  readonly email: string;
  readonly disabled: boolean;
}

export const principalColumns = 'id, org, kind, name, email, disabled';

const kinds = { user: PrincipalKind.USER, service: PrincipalKind.SERVICE } as const;

export const principalToWire = (principal: Principal): MessageInitShape<typeof PrincipalSchema> => ({
  id: principal.id,
  org: principal.org,
  kind: kinds[principal.kind],
  name: principal.name,
  email: principal.email,
  disabled: principal.disabled,
});

export function principalKind(kind: PrincipalKind): Principal['kind'] {
  if (kind === PrincipalKind.USER) return 'user';
  if (kind === PrincipalKind.SERVICE) return 'service';
  throw argumentInvalid('kind', 'user or service');
}

/** Both become the author line of a commit, where angle brackets and control characters end a field. */
export function checkAuthor(name: string, email: string): void {
  if (!/^[^<>\p{Cc}]{1,200}$/u.test(name) || name.trim() !== name) {
    throw argumentInvalid('name', '1 to 200 characters without angle brackets, control characters or outer spaces');
  }
  if (!/^[^\s<>@\p{Cc}]{1,64}@[^\s<>@\p{Cc}]{1,190}$/u.test(email))
    throw argumentInvalid('email', 'an address with one @ and no spaces');
}
