/** What a denied client sees: RFC 9457 problem details with the reason and the decision's id, and the same in two headers. */

import { STATUS_CODES } from 'node:http';
import { type DenyWord, denyReasons } from '../decisions/deny-reason.ts';

export interface Problem {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** `code` and `reason` default to a denial's own; a refused token has others behind the same deny reason. */
export function problemOf(
  word: DenyWord,
  decision: string | undefined,
  over: {
    readonly status?: number;
    readonly code?: string;
    readonly reason?: string;
    /** Name of what is missing. */
    readonly credential?: string | undefined;
  } = {},
): Problem {
  const row = denyReasons[word];
  const status = over.status ?? row.status;
  const body = JSON.stringify({
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Refused',
    status,
    code: over.code ?? 'egress.denied',
    reason: over.reason ?? word,
    ...(decision !== undefined && { decision }),
    ...(over.credential !== undefined && { credential: over.credential }),
    detail: row.detail,
  });
  return {
    status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Content-Length': String(Buffer.byteLength(body)),
      'Cache-Control': 'no-store',
      Connection: 'close',
      'Sally-Deny-Reason': word,
      ...(decision !== undefined && { 'Sally-Decision': decision }),
    },
    body: `${body}`,
  };
}

/** The same as bytes, for a socket that no server holds. */
export function problemBytes({ status, headers, body }: Problem): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`, ...lines, '', body].join('\r\n');
}
