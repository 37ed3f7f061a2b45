/** A platform team that follows a dispatch over NATS on a connection that is cut. */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectTeam } from '@sallyport/bus/team-connection';
import { teamStream } from '@sallyport/bus/teams';
import { repository } from '../start/options.ts';
import type { StartedStack } from './started-stack.ts';

/** What a team needs to connect. */
export interface TeamAccess {
  readonly url: string;
  readonly seed: string;
}

/** Makes a team of the environment the stack begins with, by the documented command. */
export async function makeTeam(stack: StartedStack, name: string): Promise<TeamAccess> {
  const argv = [join(repository, 'tools/start/team.ts'), 'create', name, '--org', 'acme', '--environment', 'main'];
  const { stdout } = await promisify(execFile)(process.execPath, [...argv, '--data', stack.data], {
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const said = (what: string): string => new RegExp(`^${what} +(.+)$`, 'm').exec(stdout)?.[1] ?? '';
  return { url: said('server'), seed: readFileSync(said('seed'), 'utf8').trim() };
}

/** A connection of the team. A server on a machine that is busy gives a client too little time to say who it is; then it asks again. */
export async function joinTeam({ url, seed }: TeamAccess): Promise<NatsConnection> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await connectTeam(url, seed);
    } catch (error) {
      if (tries === 20) throw error;
    }
  }
}

/** One message as a team keeps it. */
export interface Heard {
  /** Where it stands in the team's stream; what a team resumes by. */
  readonly place: number;
  /** Where it stands in the dispatch. */
  readonly seq: number;
  readonly id: string;
}

/** Reads a subject behind a place of the stream until so many bytes came or `enough` says so; then the connection is cut. */
export async function hearUntil(
  { url, seed }: TeamAccess,
  subject: string,
  after: number,
  bytes: number,
  enough: (heard: Heard) => boolean = () => false,
): Promise<readonly Heard[]> {
  const wire = await cutWire(new URL(url.includes('://') ? url : `nats://${url}`));
  const heard: Heard[] = [];
  let team: NatsConnection | undefined;
  try {
    team = await connectTeam(`127.0.0.1:${wire.port}`, seed);
    const closed = team.closed();
    const consumer = await jetstream(team).consumers.get(teamStream, {
      filter_subjects: subject,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: after + 1,
      inactive_threshold: 2_000,
    });
    wire.cutAfter(bytes);
    const messages = await consumer.consume({ max_messages: 50 });
    void closed.then(() => messages.stop());
    for await (const message of messages) {
      const { headers, seq } = message;
      heard.push({ place: seq, seq: Number(headers?.get('ce-sequence')), id: headers?.get('ce-id') ?? '' });
      if (enough(heard.at(-1) as Heard)) break;
    }
  } catch {
    // A connection that breaks before it is one is a cut like another; what was heard tells whether anything is amiss.
  } finally {
    wire.close();
    await team?.close().catch(() => undefined);
  }
  return heard;
}

/** A wire to the server that breaks after so many bytes of what the server says, wherever in a message that is. */
async function cutWire(target: URL): Promise<{
  readonly port: number;
  cutAfter(bytes: number): void;
  close(): void;
}> {
  let left = Number.POSITIVE_INFINITY;
  const sockets = new Set<Socket>();
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', cut);
    }
    near.on('data', (chunk: Buffer) => far.write(chunk));
    far.on('data', (chunk: Buffer) => {
      near.write(chunk.subarray(0, Math.min(chunk.length, left)));
      left -= chunk.length;
      if (left <= 0) cut();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cutAfter: (bytes) => {
      left = bytes;
    },
    close: () => {
      cut();
      server.close();
    },
  };
}
