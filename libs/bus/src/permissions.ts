/**
 * What each bus user may publish and hear, as data. The launcher and the chart write the NATS configuration from it, so
 * that a service can neither publish as another nor listen to another's requests or replies.
 */

import { type Caller, callers } from '@sallyport/core/access';
import {
  epochChanged,
  eventIn,
  eventListen,
  inboxPrefix,
  teamAuditEvent,
  teamHello,
  teamInputListen,
  teamRunEvent,
  teamUnitOut,
} from './subject.ts';

export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** JetStream streams: the subjects each one keeps, and the bus user that owns it. */
export const streams = {
  UNIT: { owner: 'runtime', subjects: ['unit.v1.*.*.out'] },
  RUNTIME: { owner: 'runtime', subjects: ['runtime.v1.*.*.event'] },
  RUN: { owner: 'scheduler', subjects: ['run.v1.*.*.event'] },
  AUDIT: { owner: 'audit', subjects: ['audit.v1.*.*.event'] },
} as const satisfies Record<string, { owner: Caller; subjects: readonly string[] }>;

export type StreamName = keyof typeof streams;

const [teamsHearOutput, teamsHearRuns, teamsHearAudit] = [
  teamUnitOut('*', '*', '*'),
  teamRunEvent('*', '*', '*'),
  teamAuditEvent('*', '*', '*'),
];
const hello = teamHello('*', '*', '*');

/** What accounts of platform teams may import, each only what its own imports name (`teams.ts`). */
const exported = {
  stream: [teamsHearOutput, teamsHearRuns, teamsHearAudit],
  service: [eventIn('*', '*', '*'), teamInputListen, hello],
};

/** Events beyond RPC: who says them, who hears them. */
const events: Readonly<Record<Caller, Permissions>> = {
  identity: { publish: [epochChanged], subscribe: [epochChanged] },
  scheduler: {
    publish: ['run.v1.*.*.event', teamsHearRuns, 'unit.v1.*.*.in'],
    subscribe: [epochChanged, eventListen, teamInputListen],
  },
  runtime: {
    publish: ['runtime.v1.*.*.event', 'unit.v1.*.*.out', teamsHearOutput, 'edge.v1.*.heartbeat'],
    subscribe: [epochChanged, 'egress.v1.*.*.decision', 'unit.v1.*.*.in', 'edge.v1.*.lease'],
  },
  workspace: { publish: [], subscribe: [epochChanged] },
  egress: { publish: ['egress.v1.*.*.decision'], subscribe: [epochChanged] },
  audit: { publish: ['audit.v1.*.*.event', teamsHearAudit], subscribe: [epochChanged] },
  api: {
    publish: [],
    subscribe: [epochChanged, 'unit.v1.*.*.out', 'run.v1.*.*.event', 'runtime.v1.*.*.event', 'audit.v1.*.*.event'],
  },
  operator: {
    publish: ['event.v1.*.*.operator'],
    subscribe: ['run.v1.*.*.event', 'runtime.v1.*.*.event', 'audit.v1.*.*.event', hello],
  },
};

/** Requests a stream's owner sends to JetStream itself. */
function streamRequests(caller: Caller): readonly string[] {
  const owned = Object.entries(streams).filter(([, stream]) => stream.owner === caller);
  if (owned.length === 0) return [];
  const names = owned.map(([name]) => name);
  return [
    '$JS.API.INFO',
    ...names.flatMap((name) => ['CREATE', 'UPDATE', 'INFO'].map((verb) => `$JS.API.STREAM.${verb}.${name}`)),
  ];
}

/** The permissions of one bus user. Replies need none: NATS `allow_responses` covers exactly the requests received. */
export function permissionsOf(caller: Caller): Permissions {
  return {
    publish: [`rpc.*.v1.${caller}.*`, ...events[caller].publish, ...streamRequests(caller)],
    subscribe: [`rpc.${caller}.v1.*.*`, `${inboxPrefix(caller)}.>`, ...events[caller].subscribe],
  };
}

/** A list of subjects as NATS configuration. */
export const subjectList = (subjects: readonly string[]): string =>
  `[${subjects.map((subject) => JSON.stringify(subject)).join(', ')}]`;

/** The account of the services. */
export const ownAccount = 'SALLY';

/**
 * The services' account of a NATS configuration; `keys` holds each user's public nkey. Platform teams have accounts of their own beside it
 * and reach nothing in it but what they import.
 */
export function accountBlock(keys: Readonly<Record<Caller, string>>): string {
  const users = callers.map((caller) => {
    const { publish, subscribe } = permissionsOf(caller);
    return `      { nkey: ${keys[caller]}, permissions: { publish: { allow: ${subjectList(publish)} }, subscribe: { allow: ${subjectList(subscribe)} }, allow_responses: { max: 1, expires: "2m" } } }`;
  });
  const exports = Object.entries(exported).flatMap(([kind, subjects]) =>
    subjects.map((subject) => `      { ${kind}: ${JSON.stringify(subject)} }`),
  );
  return `  ${ownAccount}: {
    jetstream: enabled
    users: [
${users.join('\n')}
    ]
    exports: [
${exports.join('\n')}
    ]
  }
`;
}
