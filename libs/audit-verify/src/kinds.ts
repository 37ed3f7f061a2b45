/**
 * The closed list of event kinds, the one service that may say each, and what a verifier makes of it.
 *
 * Written out here rather than imported, so that the verifier trusts no other code of the control plane; a spec of the audit
 * service compares it with the list the services use.
 */

/** What a kind means to the rules of a run: `effect` lets something happen, `trace` records, `cleanup` may follow the end. */
export interface Kind {
  readonly producer: string;
  readonly part: 'effect' | 'trace' | 'cleanup';
}

const effect = (producer: string): Kind => ({ producer, part: 'effect' });
const trace = (producer: string): Kind => ({ producer, part: 'trace' });
const cleanup = (producer: string): Kind => ({ producer, part: 'cleanup' });

const table: Readonly<Record<string, Kind>> = {
  'launch.authorized': effect('identity'),
  'launch.intent': effect('identity'),
  'launch.ended': cleanup('identity'),
  'exchange.dispatch': effect('identity'),
  'exchange.renew': effect('identity'),
  'auth.session': trace('identity'),
  'auth.denied': trace('identity'),
  'admin.principal': trace('identity'),
  'admin.key': trace('identity'),
  'admin.revoke': trace('identity'),
  'admin.rotate': trace('identity'),
  'grant.created': trace('identity'),
  'grant.used': trace('identity'),
  'grant.denied': trace('identity'),
  'grant.revoked': trace('identity'),
  'admin.role': trace('scheduler'),
  'admin.schedule': trace('scheduler'),
  'admin.subscription': trace('scheduler'),
  'admin.webhook': trace('scheduler'),
  'event.received': trace('scheduler'),
  'event.refused': trace('scheduler'),
  'trigger.fired': trace('scheduler'),
  'run.input': trace('scheduler'),
  'run.accepted': trace('scheduler'),
  'run.transition': trace('scheduler'),
  'run.refused': trace('scheduler'),
  'runtime.intent': effect('runtime'),
  'runtime.transition': cleanup('runtime'),
  'runtime.denied': trace('runtime'),
  'attest.evidence': trace('runtime'),
  'egress.allow': effect('egress'),
  'egress.deny': trace('egress'),
  'egress.outcome': cleanup('egress'),
  'workspace.create': trace('workspace'),
  'workspace.import': trace('workspace'),
  'workspace.mount': effect('workspace'),
  'workspace.commit': cleanup('workspace'),
  'workspace.undo': trace('workspace'),
  'workspace.read': trace('workspace'),
  'workspace.denied': trace('workspace'),
  'log.export': trace('audit'),
  'log.denied': trace('audit'),
};

/** Every kind by name. */
export const kinds: ReadonlyMap<string, Kind> = new Map(Object.entries(table));
