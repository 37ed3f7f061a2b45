/**
 * Platform teams on NATS: an account each, which reaches one environment of one org and nothing else.
 *
 * Permissions alone cannot hold this: whoever may make a consumer may have JetStream deliver its messages to any subject of the account.
 * In an account of its own a team finds no subject of ours but those it imports, whatever it makes there.
 */

import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { callers } from '@sallyport/core/access';
import { Fault } from '@sallyport/core/fault';
import { isSlug } from '@sallyport/core/ids';
import { ownAccount, type Permissions, subjectList } from './permissions.ts';
import { eventIn, teamAuditEvent, teamHello, teamRunEvent, teamUnitIn, teamUnitOut } from './subject.ts';

export interface Team {
  readonly org: string;
  readonly environment: string;
  /** Unique in the environment; stands in the subjects the team says things on. */
  readonly name: string;
}

/** A team and the public nkeys of its two users: the team itself, and the keeper of its stream. */
export interface TeamAccount extends Team {
  readonly publicKey: string;
  readonly keeperKey: string;
}

/** Bytes a team's stream may take. */
export const teamBytes = 256 * 1024 * 1024;

/** Connections a team may have open at once. */
export const teamConnections = 32;

/** Name of the one stream of every team's account. */
export const teamStream = 'EVENTS';

/** @throws Fault `bus.team` when a part is no slug, or the name is one that a service goes by. */
export function checkTeam({ org, environment, name }: Team): void {
  for (const [what, value] of Object.entries({ org, environment, name })) {
    if (!isSlug(value)) throw teamRefused(`${what} is lower-case letters, digits and dashes, at most 63`);
  }
  if ([...callers, 'keeper'].includes(name)) throw teamRefused(`${name} is the name of a part of the product`);
}

const teamRefused = (why: string): Fault =>
  new Fault('invalid_argument', 'bus.team', `this is no team: ${why}; choose another`);

export const sameTeam = (left: Team, right: Team): boolean =>
  left.org === right.org && left.environment === right.environment && left.name === right.name;

/** Name of a team's account; slugs hold no underscore, so two teams never share one. */
export const teamAccountName = ({ org, environment, name }: Team): string => `TEAM_${org}_${environment}_${name}`;

/** What a team hears and its stream keeps. */
export const teamHears = ({ org, environment }: Team): readonly string[] => [
  teamUnitOut(org, environment, '*'),
  teamRunEvent(org, environment, '*'),
  teamAuditEvent(org, environment, '*'),
];

/** What a team says: events in, and inputs to dispatches, both under its name. */
export const teamSays = ({ org, environment, name }: Team): readonly string[] => [
  eventIn(org, environment, name),
  teamUnitIn(org, environment, '*', name),
];

/** Requests to the account's own JetStream: reading the one stream, in every form a client asks for it. */
const reads = [
  '$JS.API.INFO',
  '$JS.API.STREAM.NAMES',
  '$JS.API.STREAM.LIST',
  ...['INFO', 'MSG.GET'].map((verb) => `$JS.API.STREAM.${verb}.${teamStream}`),
  ...['CREATE', 'NAMES', 'LIST'].map((verb) => `$JS.API.CONSUMER.${verb}.${teamStream}`),
  ...['DURABLE.CREATE', 'INFO', 'DELETE', 'MSG.NEXT'].map((verb) => `$JS.API.CONSUMER.${verb}.${teamStream}.*`),
  `$JS.API.CONSUMER.CREATE.${teamStream}.>`,
  `$JS.API.DIRECT.GET.${teamStream}`,
  `$JS.API.DIRECT.GET.${teamStream}.>`,
  `$JS.ACK.${teamStream}.>`,
  `$JS.FC.${teamStream}.>`,
];

/** What the team's user may publish and hear in the team's account. */
export const teamPermissions = (team: Team): Permissions => ({
  publish: [...teamSays(team), ...reads],
  subscribe: [...teamHears(team), '_INBOX.>'],
});

const keeperPermissions = ({ org, environment, name }: Team): Permissions => ({
  publish: [
    teamHello(org, environment, name),
    ...['CREATE', 'UPDATE', 'INFO'].map((verb) => `$JS.API.STREAM.${verb}.${teamStream}`),
  ],
  subscribe: ['_INBOX.>'],
});

function accountOf(team: TeamAccount): string {
  const user = (key: string, { publish, subscribe }: Permissions): string =>
    `      { nkey: ${key}, permissions: { publish: { allow: ${subjectList(publish)} }, subscribe: { allow: ${subjectList(subscribe)} } } }`;
  const imported = (kind: 'stream' | 'service', subject: string): string =>
    `      { ${kind}: { account: ${ownAccount}, subject: ${JSON.stringify(subject)} } }`;
  const { org, environment, name } = team;
  return `${JSON.stringify(teamAccountName(team))}: {
    jetstream: { max_file: ${teamBytes}, max_mem: 1MB, max_streams: 1, max_consumers: 64 }
    limits: { max_connections: ${teamConnections}, max_subscriptions: 1024, max_payload: 1MB }
    imports: [
${teamHears(team)
  .map((subject) => imported('stream', subject))
  .join('\n')}
${[...teamSays(team), teamHello(org, environment, name)].map((subject) => imported('service', subject)).join('\n')}
    ]
    users: [
${user(team.publicKey, teamPermissions(team))}
${user(team.keeperKey, keeperPermissions(team))}
    ]
  }
`;
}

/** Writes the part of the NATS configuration that holds the teams; a server that runs reads it again on SIGHUP. */
export function writeTeamAccounts(directory: string, teams: readonly TeamAccount[]): void {
  const file = join(directory, 'teams.conf');
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, teams.map(accountOf).join(''), { mode: 0o600 });
  renameSync(draft, file);
}

/** Makes sure that a team's stream is there; asked by its keeper. */
export async function ensureTeamStream(keeper: NatsConnection, team: Team): Promise<void> {
  const manager = await jetstreamManager(keeper, { checkAPI: false });
  const config = {
    name: teamStream,
    subjects: [...teamHears(team)],
    max_age: nanos(24 * 60 * 60 * 1000),
    // Below the account's limit: room for the state of consumers.
    max_bytes: teamBytes - 32 * 1024 * 1024,
    max_consumers: 64,
    duplicate_window: nanos(2 * 60 * 1000),
    deny_delete: true,
    deny_purge: true,
  };
  const found = await manager.streams.info(teamStream).catch(() => undefined);
  if (found === undefined) await manager.streams.add(config);
}
