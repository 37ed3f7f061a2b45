/** How the running stack stands, asked through the API as anyone would. */

import { connect } from 'node:net';
import type { Api } from '../client/api.ts';
import type { Status } from '../client/resources.ts';
import { exit } from '../exit.ts';
import { Failure } from '../failure.ts';
import { type Finding, fail, ok, warn } from './check.ts';

/** Whether the API answers at its address, something else does, or nobody. */
export async function checkPort(api: Api): Promise<{ readonly finding: Finding; readonly isApi: boolean }> {
  const { url } = api.connection;
  const { hostname, port, protocol } = new URL(url);
  const number = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
  const name = `port ${number}`;
  if (!(await isOpen(hostname, number))) return { finding: ok(name, 'free'), isApi: false };
  const answer = await api.raw('/v1/version').catch(() => undefined);
  const type = answer?.headers.get('content-type') ?? '';
  await answer?.body?.cancel();
  if (answer?.ok === true && type.startsWith('application/json'))
    return { finding: ok(name, `the API answers at ${url}`), isApi: true };
  return {
    finding: fail(name, 'taken by something else', 'the API listens here', 'end what holds it, or set SALLY_API_PORT'),
    isApi: false,
  };
}

/** Every service of the running stack. */
export async function checkStack(api: Api): Promise<readonly Finding[]> {
  try {
    const status = await api.get<Status>('/v1/status');
    return status.services.map(({ name, state, took_ms, reason }) =>
      state === 'ready'
        ? ok(name, `answered in ${took_ms} ms`)
        : fail(name, state, reason ?? 'it does not answer', `read its log: .sally/logs/${name}.log`),
    );
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.exitCode === exit.forbidden)
      return [
        fail('token', `from ${api.connection.tokenFrom}`, error.why, 'set SALLY_TOKEN, or run where .sally/token is'),
      ];
    return [warn('stack', error.message, error.why, error.next)];
  }
}

function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: host.replace(/^\[|\]$/g, ''), port, timeout: 1_000 });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}
