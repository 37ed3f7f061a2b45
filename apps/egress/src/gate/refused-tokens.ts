/** Puts refused tokens on record. */

import { Injectable } from '@nestjs/common';
import { deploymentLog } from '@sallyport/core/audit-kinds';
import { Fault } from '@sallyport/core/fault';
import { isSlug } from '@sallyport/core/ids';
import { AuditClient, type EventInit } from '@sallyport/service/audit';
import { Log } from '@sallyport/service/log';
import { shown } from '../hosts/host.ts';

/** Reasons found after the signature held, so that the payload is identity's own word. */
const signed = /^(?:token\.(?:iss|aud|lifetime|revoked)|proof\..*)$/;

const reference = /^[A-Za-z0-9_-]{1,64}$/;

function payloadOf(token: string): Record<string, unknown> {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    return typeof payload === 'object' && payload !== null ? (payload as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Whom a refusal is about, as far as a signature says so. */
function about(token: string | undefined, reason: string): Pick<EventInit, 'org' | 'environment' | 'run'> {
  const { org, env, txn } = token !== undefined && signed.test(reason) ? payloadOf(token) : {};
  if (typeof org !== 'string' || !isSlug(org)) return { org: deploymentLog };
  return {
    org,
    ...(typeof env === 'string' && isSlug(env) && { environment: env }),
    ...(typeof txn === 'string' && reference.test(txn) && { run: txn }),
  };
}

@Injectable()
export class RefusedTokens {
  constructor(
    private readonly audit: AuditClient,
    private readonly log: Log,
  ) {}

  /** Records a refusal; when that fails the refusal stands all the same. */
  async record(token: string | undefined, target: string, fault: Fault): Promise<void> {
    this.log.info({ reason: fault.reason }, 'a connection was refused for its token');
    const event: EventInit = {
      kind: 'egress.deny',
      ...about(token, fault.reason),
      resource: `host/${shown(target)}`,
      outcome: 'deny',
      reason: fault.reason,
      facts: { method: 'CONNECT' },
    };
    await this.audit
      .append([event])
      .catch((error: unknown) => this.log.error({ error }, 'a refused token could not be recorded'));
  }
}
