/** Every refusal of the scheduler but those about schedules and consent (`trigger-faults.ts`) and inputs (`inputs/input-faults.ts`), one function per reason. `docs/faults/scheduler.md` lists the same. */

import { Fault } from '@sallyport/core/fault';
import { invalid } from './invalid.ts';

export const roleMissing = (): Fault =>
  invalid('scheduler.role_missing', '/role', 'the request holds no role; send the whole role');

export const nameInvalid = (pointer: string): Fault =>
  invalid(
    'scheduler.name_invalid',
    pointer,
    `${pointer} is not a name; use 1 to 63 lower-case letters, digits and inner dashes`,
  );

export const textInvalid = (pointer: string, limit: number): Fault =>
  invalid(
    'scheduler.text_invalid',
    pointer,
    `${pointer} is empty, too long or holds control characters; send at most ${limit} printable characters`,
    { limit: String(limit) },
  );

export const roleNotFound = (role: string): Fault =>
  new Fault(
    'not_found',
    'scheduler.role_not_found',
    `this environment has no role ${role}; list the roles or apply it first`,
    { role },
  );

export const roleChanged = (current: number): Fault =>
  new Fault(
    'failed_precondition',
    'scheduler.role_changed',
    `the role is at version ${current}; read it again, then apply on top of it`,
    { version: String(current) },
  );

export const runnerUnknown = (pointer: string, runner: string, known: readonly string[]): Fault =>
  invalid(
    'scheduler.runner_unknown',
    pointer,
    `there is no runner ${JSON.stringify(runner.slice(0, 64))}; choose one of ${known.join(', ')}`,
    { known: known.join(',') },
  );

export const providerInvalid = (pointer: string, why: string): Fault =>
  invalid('scheduler.provider_invalid', pointer, `${pointer}: ${why}`);

export const providerMissing = (runner: string): Fault =>
  invalid(
    'scheduler.provider_missing',
    '/role',
    `the ${runner} runner calls a model and no provider is set; use a role that has one`,
  );

export const providerUnfit = (pointer: string, runner: string, speaks: readonly string[], given: string): Fault =>
  invalid(
    'scheduler.provider_unfit',
    pointer,
    `${runner} speaks ${speaks.join(' or ')} to its model and the provider speaks ${given}; use a provider that fits`,
    { runner, speaks: speaks.join(','), given },
  );

export const runnerMissing = (runner: string, remedy: string): Fault =>
  new Fault(
    'failed_precondition',
    'scheduler.runner_missing',
    `no edge can run ${runner} because it is not installed; on the machine of the edge: ${remedy}`,
    { runner, remedy },
  );

export const mountInvalid = (pointer: string, why: string): Fault =>
  invalid('scheduler.mount_invalid', pointer, `${pointer}: ${why}`);

export const mountTwice = (pointer: string, workspace: string): Fault =>
  invalid(
    'scheduler.mount_twice',
    pointer,
    `workspace ${workspace} is mounted twice; name each workspace once, the role's mounts included`,
    { workspace },
  );

export const limitInvalid = (pointer: string): Fault =>
  invalid(
    'scheduler.limit_invalid',
    pointer,
    `${pointer} is negative or beyond what any profile grants; 0 takes the profile's default`,
  );

export const limitRaised = (pointer: string, bound: string): Fault =>
  invalid(
    'scheduler.limit_raised',
    pointer,
    `${pointer} is above the role's ${bound}; a run may lower its role's limits, never raise them`,
    { bound },
  );

export const profileFixed = (profile: string): Fault =>
  invalid(
    'scheduler.profile_fixed',
    '/profile',
    `the role runs under profile ${profile}; leave the profile out or change the role`,
    { profile },
  );

export const roleOrRunner = (): Fault =>
  invalid('scheduler.role_or_runner', '/role', 'exactly one of role and runner must be set; drop one or name one');

export const startMissing = (): Fault =>
  invalid(
    'scheduler.start_missing',
    '/start',
    'nothing is asked of the agent; set a text, a path or a session to go on from',
  );

export const startInvalid = (pointer: string, why: string): Fault =>
  invalid('scheduler.start_invalid', pointer, `${pointer}: ${why}`);

export const taskTooLarge = (size: number, limit: number): Fault =>
  invalid(
    'scheduler.task_too_large',
    '/start/inline',
    `the task text has ${size} bytes and the limit is ${limit}; put the rest into a workspace file`,
    { size: String(size), limit: String(limit) },
  );

export const argvInvalid = (pointer: string, why: string): Fault =>
  invalid('scheduler.argv_invalid', pointer, `${pointer}: ${why}`);

export const idempotencyMismatch = (run: string): Fault =>
  new Fault(
    'already_exists',
    'scheduler.idempotency_mismatch',
    `this idempotency key accepted other content as ${run}; use a new key for a new run`,
    { run },
  );

export const runNotFound = (run: string): Fault =>
  new Fault(
    'not_found',
    'scheduler.run_not_found',
    'there is no such run in this environment; list the runs to find it',
    { run: run.slice(0, 64) },
  );

export const runEnded = (run: string, state: string, allowed: readonly string[]): Fault =>
  new Fault('failed_precondition', 'scheduler.run_ended', `run ${run} is ${state}; nothing of it is left to change`, {
    run,
    state,
    allowed: allowed.join(','),
  });

export const pageInvalid = (pointer: string): Fault =>
  invalid(
    'scheduler.page_invalid',
    pointer,
    `${pointer} is not something an earlier page gave out; start from the first page`,
  );

export const conflict = (what: string): Fault =>
  new Fault('aborted', 'scheduler.conflict', `${what} changed meanwhile; nothing was done, try again`, { what });

export const eventMissing = (): Fault =>
  invalid('scheduler.event_missing', '/event', 'the request holds no event; send a CloudEvents 1.0 event');

export const eventInvalid = (pointer: string, why: string): Fault =>
  invalid('scheduler.event_invalid', pointer, `${pointer}: ${why}`);

export const eventTooLarge = (limit: number): Fault =>
  invalid(
    'scheduler.event_too_large',
    '/data',
    `the event has more than ${limit} bytes as JSON; put the rest where the agent can fetch it, and send its address`,
    { limit: String(limit) },
  );

export const eventMalformed = (): Fault =>
  invalid(
    'scheduler.event_malformed',
    '/',
    'the message is no CloudEvents 1.0 event; send application/cloudevents+json in UTF-8, or ce- headers',
  );

export const eventPlace = (): Fault =>
  invalid(
    'scheduler.event_place',
    '/',
    'an event belongs to an org and an environment by its subject, event.v1.<org>.<environment>.<producer>',
  );

export const sourceReserved = (prefix: string): Fault =>
  new Fault(
    'permission_denied',
    'scheduler.source_reserved',
    `sources below ${prefix} are the product's own; use another source`,
    { pointer: '/source', prefix },
  );

export const eventsWaiting = (limit: number): Fault =>
  new Fault(
    'resource_exhausted',
    'scheduler.events_waiting',
    `${limit} events of this environment wait to be looked at; send it again later`,
    { limit: String(limit) },
  );

export const intakeBusy = (): Fault =>
  new Fault(
    'resource_exhausted',
    'scheduler.intake_busy',
    'too many events come in at once; send it again in a moment',
  );

export const eventNotFound = (event: string): Fault =>
  new Fault(
    'not_found',
    'scheduler.event_not_found',
    'there is no such event in this environment, or its week is over; list the events to find it',
    { event: event.slice(0, 64) },
  );

export const subscriptionMissing = (): Fault =>
  invalid('scheduler.subscription_missing', '/subscription', 'the request holds no subscription; send all of it');

export const subscriptionsFull = (limit: number): Fault =>
  new Fault(
    'resource_exhausted',
    'scheduler.subscriptions_full',
    `an environment has at most ${limit} subscriptions; remove one that nobody needs`,
    { limit: String(limit) },
  );

export const filterInvalid = (pointer: string, why: string): Fault =>
  invalid('scheduler.filter_invalid', pointer, `${pointer}: ${why}`);

export const filtersBusy = (): Fault =>
  new Fault(
    'resource_exhausted',
    'scheduler.filters_busy',
    'the expressions of this org have used up their time; simplify the costly ones, more comes in a few seconds',
  );

export const webhookMissing = (): Fault =>
  invalid('scheduler.webhook_missing', '/webhook', 'the request holds no webhook; send all of it');

export const webhookNotFound = (name: string): Fault =>
  new Fault('not_found', 'scheduler.webhook_not_found', 'this environment has no such webhook; list them to find it', {
    name: name.slice(0, 64),
  });

export const webhooksFull = (limit: number): Fault =>
  new Fault(
    'resource_exhausted',
    'scheduler.webhooks_full',
    `an environment has at most ${limit} webhooks; remove one that nobody needs`,
    { limit: String(limit) },
  );

export const webhooksOff = (): Fault =>
  new Fault(
    'failed_precondition',
    'scheduler.webhooks_off',
    'this scheduler has no key to seal secrets with; set SALLY_SCHEDULER_KEK_FILE and start it again',
  );

export const webhookUnverified = (): Fault =>
  new Fault(
    'unauthenticated',
    'scheduler.webhook_unverified',
    'there is no such webhook, or the request is not signed with its secret; check the address, the secret and that the body is sent as it was signed',
  );

export const webhookStale = (): Fault =>
  new Fault(
    'unauthenticated',
    'scheduler.webhook_stale',
    "the request is signed, and more than five minutes off; check the sender's clock and sign each try anew",
  );

export const webhooksBusy = (): Fault =>
  new Fault(
    'resource_exhausted',
    'scheduler.webhooks_busy',
    'too many requests come in at once; try again in a moment',
  );

export const dispatchNotFound = (dispatch: string): Fault =>
  new Fault('not_found', 'scheduler.dispatch_not_found', 'there is no such dispatch; stop the workload', {
    dispatch: dispatch.slice(0, 64),
  });

export const staleEpoch = (dispatch: string, given: number, current: number): Fault =>
  new Fault(
    'failed_precondition',
    'scheduler.stale_epoch',
    `the lease of ${dispatch} went on to epoch ${current}; stop the workload of epoch ${given}`,
    {
      dispatch,
      given: String(given),
      current: String(current),
    },
  );

export const foreignEdge = (dispatch: string): Fault =>
  new Fault(
    'permission_denied',
    'scheduler.foreign_edge',
    `the lease of ${dispatch} is another edge's; stop the workload`,
    { dispatch },
  );

export const reportInvalid = (why: string): Fault =>
  invalid('scheduler.report_invalid', '/event', `the report cannot be used: ${why}`);

export const outputInvalid = (pointer: string, why: string): Fault =>
  invalid('scheduler.output_invalid', pointer, `${pointer}: ${why}`);

export const outputForeign = (pointer: string): Fault =>
  new Fault(
    'permission_denied',
    'scheduler.output_foreign',
    `${pointer} is not of the token's own dispatch; send each dispatch's events under its own token`,
    { pointer },
  );

export const edgeInvalid = (pointer: string, why: string): Fault =>
  invalid('scheduler.edge_invalid', pointer, `${pointer}: ${why}`);

export const edgeUnknown = (edge: string): Fault =>
  new Fault(
    'failed_precondition',
    'scheduler.edge_unknown',
    'the edge is not registered or counts as gone; register it again',
    { edge: edge.slice(0, 64) },
  );

export const policyInvalid = (pointer: string, why: string): Fault =>
  invalid('scheduler.policy_invalid', pointer, `${pointer}: ${why}`);

export const triggerNotFound = (kind: string, name: string): Fault =>
  new Fault(
    'not_found',
    'scheduler.trigger_not_found',
    `this environment has no ${kind} ${JSON.stringify(name.slice(0, 64))}; list them to find it`,
    { kind, name: name.slice(0, 64) },
  );

export const triggerExists = (kind: string, name: string): Fault =>
  new Fault(
    'already_exists',
    'scheduler.trigger_exists',
    `this environment has a ${kind} ${JSON.stringify(name.slice(0, 64))} already; change that one, or take another name`,
    { kind, name: name.slice(0, 64) },
  );

export const triggerChanged = (current: number): Fault =>
  new Fault(
    'failed_precondition',
    'scheduler.trigger_changed',
    `it is at version ${current}; read it again, then apply on top of it`,
    { version: String(current) },
  );
