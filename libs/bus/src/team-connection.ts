/** Keys of a team's users and connections with them. */

import { createUser } from '@nats-io/nkeys';
import { connect, type NatsConnection, nkeyAuthenticator } from '@nats-io/transport-node';

export interface TeamKey {
  readonly publicKey: string;
  /** The nkey seed; whoever has it is the user. */
  readonly seed: string;
}

/** A fresh key of a user. */
export function newTeamKey(): TeamKey {
  const key = createUser();
  return { publicKey: key.getPublicKey(), seed: new TextDecoder().decode(key.getSeed()) };
}

/** Connects as the user of a seed; rejects while the server does not know it. Does not reconnect. */
export const connectTeam = (url: string, seed: string): Promise<NatsConnection> =>
  connect({ servers: url, authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)), reconnect: false });
