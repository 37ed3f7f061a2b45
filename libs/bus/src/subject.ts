/** The only place a subject is spelled. Orgs, workloads, runs and environments are ids or slugs, so no part holds a dot or a wildcard. */

import type { Caller } from '@sallyport/core/access';

/** Request subject of one method; the fourth token is the caller, which NATS permissions prove. */
export const rpcSubject = (service: Caller, caller: Caller, method: string): string =>
  `rpc.${service}.v1.${caller}.${method}`;

/** What a service listens on: every caller, every method. */
export const rpcListen = (service: Caller): string => `rpc.${service}.v1.*.*`;

/** Caller and method of a request subject, or undefined when it is not one. */
export function parseRpcSubject(subject: string): { readonly caller: string; readonly method: string } | undefined {
  const [rpc, , version, caller, method, ...rest] = subject.split('.');
  if (rpc !== 'rpc' || version !== 'v1' || caller === undefined || method === undefined || rest.length > 0)
    return undefined;
  return { caller, method };
}

export const unitOut = (org: string, dispatch: string): string => `unit.v1.${org}.${dispatch}.out`;
export const unitIn = (org: string, dispatch: string): string => `unit.v1.${org}.${dispatch}.in`;
export const runtimeEvent = (org: string, workload: string): string => `runtime.v1.${org}.${workload}.event`;
export const runEvent = (org: string, run: string): string => `run.v1.${org}.${run}.event`;
export const auditEvent = (org: string, environment: string): string => `audit.v1.${org}.${environment}.event`;

/** What platform teams hear of an environment, as CloudEvents: the output of its dispatches, the states of its runs, its audit. */
export const teamUnitOut = (org: string, environment: string, dispatch: string): string =>
  `unit.v1.${org}.${environment}.${dispatch}.out`;
export const teamRunEvent = (org: string, environment: string, run: string): string =>
  `run.v1.${org}.${environment}.${run}.event`;
/** `what` is the first word of the event's kind. */
export const teamAuditEvent = (org: string, environment: string, what: string): string =>
  `audit.v1.${org}.${environment}.${what}.event`;

/** What the team of this name says to a dispatch of its environment. */
export const teamUnitIn = (org: string, environment: string, dispatch: string, team: string): string =>
  `unit.v1.${org}.${environment}.${dispatch}.in.${team}`;

/** Every input of every team. */
export const teamInputListen = teamUnitIn('*', '*', '*', '*');

/** The parts of an input's subject, or undefined when it is not one. */
export function parseTeamInput(
  subject: string,
):
  | { readonly org: string; readonly environment: string; readonly dispatch: string; readonly team: string }
  | undefined {
  const [unit, version, org, environment, dispatch, direction, team, ...rest] = subject.split('.');
  if (unit !== 'unit' || version !== 'v1' || direction !== 'in' || rest.length > 0) return undefined;
  if (org === undefined || environment === undefined || dispatch === undefined || team === undefined) return undefined;
  return { org, environment, dispatch, team };
}

/** Answered while somebody waits to see that a team's account is bound to ours. */
export const teamHello = (org: string, environment: string, team: string): string =>
  `team.v1.${org}.${environment}.${team}.hello`;

/** Events that start runs, handed in by the bus user that goes by the name of `producer`. */
export const eventIn = (org: string, environment: string, producer: string): string =>
  `event.v1.${org}.${environment}.${producer}`;

/** What takes events in: every org, environment and producer. */
export const eventListen = 'event.v1.*.*.*';

/** The parts of an event's subject, or undefined when it is not one. */
export function parseEventSubject(
  subject: string,
): { readonly org: string; readonly environment: string; readonly producer: string } | undefined {
  const [event, version, org, environment, producer, ...rest] = subject.split('.');
  if (event !== 'event' || version !== 'v1' || org === undefined || environment === undefined) return undefined;
  return producer === undefined || rest.length > 0 ? undefined : { org, environment, producer };
}

export const egressDecision = (org: string, dispatch: string): string => `egress.v1.${org}.${dispatch}.decision`;

/** Raised revocation epochs, pushed to every verifier. */
export const epochChanged = 'identity.v1.epoch';

/** Inbox prefix of a bus user; nobody else may subscribe under it. */
export const inboxPrefix = (caller: Caller): string => `_INBOX_${caller}`;
