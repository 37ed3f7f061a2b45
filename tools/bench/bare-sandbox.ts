/**
 * The floor of a dispatch: the same argv, the agent bundle under bubblewrap, with a tether that answers at once. No token, no database, no audit, no
 * limits: what no control plane can beat.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repository } from '../start/options.ts';

/** What a bare agent is told to do. */
export interface Work {
  readonly runner: string;
  readonly argv?: readonly string[];
  readonly [field: string]: unknown;
}

export interface BareRun {
  /** Milliseconds from spawn to the first event the agent emitted. */
  readonly firstEventMs: number;
  /** Milliseconds from spawn to the end of the process, when it was waited for. */
  readonly endMs: number;
}

const socketName = 'tether.sock';

/** Runs the agent once and measures from outside; `until` its first event, after which it is killed, or its end. */
export async function bareRun(work: Work, until: 'event' | 'end'): Promise<BareRun> {
  const directory = mkdtempSync(join(tmpdir(), 'sally-bare-'));
  const started = { at: 0, first: 0 };
  let sandbox: ChildProcess | undefined;
  const server = await serveTether(join(directory, socketName), work, () => {
    started.first ||= performance.now();
    // Without a model behind it the agent would try again for long.
    if (until === 'event') sandbox?.kill('SIGKILL');
  });
  started.at = performance.now();
  sandbox = spawn('bwrap', bwrapArgs(directory), { stdio: 'ignore' });
  await once(sandbox, 'exit');
  const endMs = performance.now() - started.at;
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true, force: true });
  return { firstEventMs: started.first - started.at, endMs };
}

/** An agent under bare bubblewrap that waits for its work; resolves once it has asked for it. */
export async function parkedAgent(): Promise<ChildProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'sally-bare-'));
  const asked = Promise.withResolvers<void>();
  const server = createServer((request) => {
    request.resume();
    if (request.url?.endsWith('/AwaitWork') === true) asked.resolve();
  });
  await new Promise<void>((resolve) => server.listen(join(directory, socketName), resolve));
  const sandbox = spawn('bwrap', bwrapArgs(directory), { stdio: 'ignore' });
  sandbox.once('exit', () => {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });
  await asked.promise;
  return sandbox;
}

/** Runs a bare command under the same sandbox. */
export async function bareCommand(argv: readonly string[]): Promise<number> {
  const started = performance.now();
  const args = [...bwrapArgs(tmpdir()).slice(0, -3), ...argv];
  await new Promise((resolve) => spawn('bwrap', args, { stdio: 'ignore' }).once('exit', resolve));
  return performance.now() - started;
}

function bwrapArgs(tether: string): string[] {
  const system = [
    '--ro-bind',
    '/usr',
    '/usr',
    '--symlink',
    'usr/bin',
    '/bin',
    '--symlink',
    'usr/lib',
    '/lib',
    '--symlink',
    'usr/lib64',
    '/lib64',
  ];
  const own = [
    '--ro-bind',
    process.execPath,
    '/opt/sallyport/node',
    '--ro-bind',
    join(repository, 'dist/agent/agent.mjs'),
    '/opt/sallyport/agent.mjs',
  ];
  const places = [
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    '--tmpfs',
    '/tmp',
    '--dir',
    '/workspace',
    '--bind',
    tether,
    '/run/sally',
  ];
  return [
    '--unshare-all',
    '--die-with-parent',
    ...system,
    ...own,
    ...places,
    '--',
    '/opt/sallyport/node',
    '--no-warnings',
    '/opt/sallyport/agent.mjs',
  ];
}

/** A tether that gives out one piece of work and takes every event. */
export function serveTether(socket: string, work: Work, onEvent: () => void): Promise<Server> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const answer = answerOf(request.url ?? '', Buffer.concat(chunks).toString(), work, onEvent);
      if (answer === undefined) return;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer));
    });
  });
  return new Promise((resolve) => server.listen(socket, () => resolve(server)));
}

function answerOf(url: string, body: string, work: Work, onEvent: () => void): unknown {
  if (url.endsWith('/AwaitWork')) return work;
  if (url.endsWith('/Emit')) {
    onEvent();
    const { first = '1', events = [] } = JSON.parse(body) as { first?: string; events?: unknown[] };
    return { last: String(Number(first) + events.length - 1) };
  }
  if (url.endsWith('/Resolve')) return { addresses: ['198.18.0.1'] };
  return undefined;
}
