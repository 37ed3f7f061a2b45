/**
 * The bytes of one connection of a sandbox, carried to egress under the workload's token.
 *
 * The token and a fresh proof are added here, outside the sandbox; nothing the sandbox sends reaches egress as a header.
 */

import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import type { MountAccess } from '../mounts/prepared-mount.ts';

const answerMs = 15_000;
const target = { method: 'CONNECT', uri: 'egress:connect' } as const;

export interface TunnelOptions {
  readonly egressSocket: string;
  readonly access: MountAccess;
  readonly signal: AbortSignal;
}

/** Joins a socket of the sandbox with egress; either end closing closes the other. */
export function openTunnel(to: string, inside: Duplex, head: Buffer, options: TunnelOptions): void {
  inside.pause();
  inside.on('error', () => inside.destroy());
  void connect(to, inside, head, options).catch(() => refuse(inside, 503, 'run_not_active'));
}

async function connect(to: string, inside: Duplex, head: Buffer, options: TunnelOptions): Promise<void> {
  const token = options.access.token();
  const proof = await options.access.prove(target);
  const headers = { 'Sally-Dispatch': token, DPoP: proof, Host: to };
  const outbound = request({
    socketPath: options.egressSocket,
    method: 'CONNECT',
    path: to,
    headers,
    signal: options.signal,
    agent: false,
  });
  outbound.setTimeout(answerMs, () => outbound.destroy());
  inside.on('close', () => outbound.destroy());
  outbound.on('error', () => refuse(inside, 503, 'upstream_unreachable'));
  outbound.on('response', (response) => {
    response.resume();
    refuse(inside, 502, 'upstream_unreachable');
  });
  outbound.on('connect', (response, outside, early) => {
    outside.setTimeout(0);
    outside.on('error', () => outside.destroy());
    if (inside.destroyed) return void outside.destroy();
    if (response.statusCode !== 200) {
      outside.destroy();
      refuse(inside, response.statusCode ?? 502, headerOf(response.headers['sally-deny-reason']));
      return;
    }
    inside.on('close', () => outside.destroy());
    outside.on('close', () => inside.destroy());
    inside.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    if (early.length > 0) inside.write(early);
    if (head.length > 0) outside.write(head);
    inside.pipe(outside);
    outside.pipe(inside);
  });
  outbound.end();
}

const headerOf = (value: string | string[] | undefined): string => {
  const word = Array.isArray(value) ? value[0] : value;
  return word !== undefined && /^[a-z_]{1,40}$/.test(word) ? word : 'run_not_active';
};

function refuse(inside: Duplex, status: number, reason: string): void {
  if (inside.destroyed || !inside.writable) return;
  const lines = [
    `HTTP/1.1 ${status} Refused`,
    `Sally-Deny-Reason: ${reason}`,
    'Content-Length: 0',
    'Connection: close',
  ];
  inside.end(`${lines.join('\r\n')}\r\n\r\n`);
}
