/** A platform team of a started product: made by the command a person runs, connected with the seed it names. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectTeam } from '@sallyport/bus/team-connection';
import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import { repository } from '../start/options.ts';
import { documentFile } from './asyncapi.ts';
import { command, type Said } from './sally.ts';
import type { StartedStack } from './started-stack.ts';

export interface TeamAccess {
  readonly name: string;
  readonly environment: string;
  readonly seed: string;
  readonly server: string;
}

const node = process.env['SALLY_TEST_NODE'] ?? process.execPath;

/** `npm run team -- ...` on the data folder of a stack. */
export const team = ({ data }: Pick<StartedStack, 'data'>, ...args: readonly string[]): Promise<Said> =>
  command(node, [join(repository, 'tools/start/team.ts'), ...args, '--data', data]);

export async function createTeam(stack: StartedStack, name: string, environment: string): Promise<TeamAccess> {
  const { code, stdout, stderr } = await team(stack, 'create', name, '--org', 'acme', '--environment', environment);
  if (code !== 0) throw new Error(`team create ended with ${code}: ${stderr}`);
  const line = (word: string): string => new RegExp(`^${word} +(.+)$`, 'm').exec(stdout)?.[1] ?? '';
  return { name, environment, seed: line('seed'), server: line('server') };
}

export const connectAs = ({ server, seed }: TeamAccess): Promise<NatsConnection> =>
  connectTeam(server, readFileSync(seed, 'utf8').trim());

/** The example of the guide, as it stands there. */
export function example({ name, environment, seed, server }: TeamAccess, ...args: readonly string[]): Promise<Said> {
  const script = join(repository, 'docs/integrate/shop.mjs');
  const whose = ['--org', 'acme', '--environment', environment, '--team', name];
  return command(node, [script, '--server', server, '--seed', seed, ...whose, ...args]);
}

export interface Told {
  readonly sequence: number;
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: unknown;
}

/** How long a fetch waits for messages that the stream holds; it costs time only where they do not come. */
export const fetchMs = 200_000;

/** What a team's stream holds from a sequence on. */
export async function toldTo(connection: NatsConnection, from = 1): Promise<readonly Told[]> {
  const consumer = await jetstream(connection).consumers.get('EVENTS', {
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: from,
  });
  const { num_pending: pending } = await consumer.info();
  const told: Told[] = [];
  if (pending === 0) return told;
  for await (const message of await consumer.fetch({ max_messages: pending, expires: fetchMs })) {
    const headers = Object.fromEntries([...(message.headers ?? [])].map(([name, values]) => [name, values[0] ?? '']));
    told.push({ sequence: message.seq, subject: message.subject, headers, payload: message.json() });
    if (told.length === pending) break;
  }
  return told;
}

/** Judges messages by the document: what is wrong with one of a name, empty when nothing is. */
export function judge(): (message: string, part: 'headers' | 'payload', value: unknown) => readonly string[] {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(parse(readFileSync(documentFile, 'utf8')) as object, 'asyncapi');
  const compiled = new Map<string, ValidateFunction>();
  return (message, part, value) => {
    const ref = `asyncapi#/components/messages/${message}/${part}`;
    const validate = compiled.get(ref) ?? ajv.compile({ $ref: ref });
    compiled.set(ref, validate);
    return validate(value)
      ? []
      : (validate.errors ?? []).map(({ instancePath, message: why }) => `${instancePath} ${why}`);
  };
}
