/**
 * What each bus user may publish and hear, as data. The launcher and the chart write the NATS configuration from it, so
 * that a service can neither publish as another nor listen to another's requests or replies.
 */

import { type Caller, callers } from '@sallyport/core/access';
import { epochChanged, eventListen, inboxPrefix } from './subject.ts';

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

/** Events beyond RPC: who says them, who hears them. */
const events: Readonly<Record<Caller, Permissions>> = {
  identity: { publish: [epochChanged], subscribe: [epochChanged] },
  scheduler: { publish: ['run.v1.*.*.event', 'unit.v1.*.*.in'], subscribe: [epochChanged, eventListen] },
  runtime: {
    publish: ['runtime.v1.*.*.event', 'unit.v1.*.*.out', 'edge.v1.*.heartbeat'],
    subscribe: [epochChanged, 'egress.v1.*.*.decision', 'unit.v1.*.*.in', 'edge.v1.*.lease'],
  },
  workspace: { publish: [], subscribe: [epochChanged] },
  egress: { publish: ['egress.v1.*.*.decision'], subscribe: [epochChanged] },
  audit: { publish: ['audit.v1.*.*.event'], subscribe: [epochChanged] },
  api: {
    publish: [],
    subscribe: [epochChanged, 'unit.v1.*.*.out', 'run.v1.*.*.event', 'runtime.v1.*.*.event', 'audit.v1.*.*.event'],
  },
  operator: {
    publish: ['event.v1.*.*.operator'],
    subscribe: ['run.v1.*.*.event', 'runtime.v1.*.*.event', 'audit.v1.*.*.event'],
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

/** A NATS server's `authorization` block for these users; `keys` holds each user's public nkey. */
export function authorizationBlock(keys: Readonly<Record<Caller, string>>): string {
  const list = (subjects: readonly string[]): string =>
    `[${subjects.map((subject) => JSON.stringify(subject)).join(', ')}]`;
  const users = callers.map((caller) => {
    const { publish, subscribe } = permissionsOf(caller);
    return `    { nkey: ${keys[caller]}, permissions: { publish: { allow: ${list(publish)} }, subscribe: { allow: ${list(subscribe)} }, allow_responses: { max: 1, expires: "2m" } } }`;
  });
  return `authorization {\n  users: [\n${users.join(',\n')}\n  ]\n}\n`;
}
