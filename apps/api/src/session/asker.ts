/** Who asks: the key of one request, turned into a session of whichever service has to answer. */

import type { CallOptions } from '@sallyport/bus/handlers';
import { Fault } from '@sallyport/core/fault';
import type { Audience, Session, Sessions } from './sessions.ts';

export class Asker {
  readonly trace: string;
  private readonly sessions: Sessions;
  private readonly key: string;

  constructor(sessions: Sessions, key: string, trace: string) {
    this.sessions = sessions;
    this.key = key;
    this.trace = trace;
  }

  /** The session for a service. Throws `unauthenticated` when identity does not know the key. */
  session(audience: Audience): Promise<Session> {
    return this.sessions.open(this.key, audience);
  }

  /**
   * A session that identity opens now, for what no service verifies: the API's own answers. Throws `unauthenticated` from the moment
   * the key is revoked, whatever is cached.
   */
  vouched(): Promise<Session> {
    this.sessions.drop(this.key, 'api');
    return this.session('api');
  }

  /**
   * Calls a service with a session of this key. A session the service refuses is dropped and opened anew once, so a
   * rotated signing key costs one more call and a revoked API key ends in identity's refusal.
   */
  async call<T>(audience: Audience, work: (options: CallOptions, session: Session) => Promise<T>): Promise<T> {
    const session = await this.session(audience);
    try {
      return await work({ token: session.token, trace: this.trace }, session);
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'unauthenticated') throw error;
      this.sessions.drop(this.key, audience);
      const fresh = await this.session(audience);
      return work({ token: fresh.token, trace: this.trace }, fresh);
    }
  }
}
