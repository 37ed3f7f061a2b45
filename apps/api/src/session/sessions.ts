/**
 * Session tokens by API key and audience. Identity decides; this only spares it from being asked for every request. The
 * cache holds tokens under a hash of the key, never the key, and a token leaves it thirty seconds before it expires.
 */

import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Injectable } from '@nestjs/common';
import { sha256Hex } from '@sallyport/core/canonical';
import { Clock } from '@sallyport/core/clock';
import { Services } from '../services.ts';

/** Services a session can be opened for. */
export type Audience = 'identity' | 'scheduler' | 'workspace' | 'audit' | 'egress' | 'api';

export interface Session {
  readonly token: string;
  /** Wall time in milliseconds. */
  readonly expiresAt: number;
  readonly org: string;
  readonly environment: string;
  readonly principal: string;
  readonly scopes: readonly string[];
}

const capacity = 10_000;
const marginMs = 30_000;

@Injectable()
export class Sessions {
  /** In order of use: the first entry is the one used longest ago. */
  private readonly cached = new Map<string, Session>();
  private readonly opening = new Map<string, Promise<Session>>();

  constructor(
    private readonly services: Services,
    private readonly clock: Clock,
  ) {}

  /** The session of a key for an audience, from the cache or from identity. Racing callers share one question. */
  async open(key: string, audience: Audience): Promise<Session> {
    const id = slot(key, audience);
    const known = this.cached.get(id);
    if (known !== undefined && known.expiresAt - marginMs > this.clock.now()) {
      this.remember(id, known);
      return known;
    }
    const asked = this.opening.get(id) ?? this.ask(id, key, audience);
    this.opening.set(id, asked);
    return asked.finally(() => this.opening.delete(id));
  }

  /** Forgets a session a service has refused. */
  drop(key: string, audience: Audience): void {
    this.cached.delete(slot(key, audience));
  }

  private async ask(id: string, key: string, audience: Audience): Promise<Session> {
    const answer = await this.services.identity.openSession({ secret: key, audience });
    const session: Session = {
      token: answer.token,
      expiresAt: answer.expiresAt === undefined ? 0 : timestampMs(answer.expiresAt),
      org: answer.principal?.org ?? '',
      environment: answer.environment,
      principal: answer.principal?.id ?? '',
      scopes: answer.scopes,
    };
    this.remember(id, session);
    return session;
  }

  private remember(id: string, session: Session): void {
    this.cached.delete(id);
    this.cached.set(id, session);
    const oldest = this.cached.keys().next();
    if (this.cached.size > capacity && oldest.done === false) this.cached.delete(oldest.value);
  }
}

const slot = (key: string, audience: Audience): string => `${sha256Hex(key)}:${audience}`;
