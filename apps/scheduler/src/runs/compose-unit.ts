/** Makes the envelope of a run from its request and its role, or says why the two do not fit. Pure. */

import { create } from '@bufbuild/protobuf';
import type { CreateRunRequest, Role } from '@sallyport/contracts/schedule/v1/schedule';
import {
  type Mount,
  MountMode,
  type Start,
  StartSchema,
  TriggerKind,
  type Unit,
  UnitSchema,
} from '@sallyport/contracts/unit/v1/unit';
import { argvInvalid, limitRaised, profileFixed, startInvalid, startMissing } from '../faults.ts';
import { stayUnfit } from '../inputs/input-faults.ts';
import { checkProviderOf } from '../runners/check-provider.ts';
import { usualProfile } from '../runners/usual-profile.ts';
import { checkTogether } from './check-fields.ts';
import { limitNames, mergeLimits, raises } from './limits.ts';

/** Ids and identity that an envelope carries beside what was asked. */
export interface Frame {
  readonly run: string;
  readonly task: string;
  readonly org: string;
  readonly environment: string;
  readonly subject: string;
}

/** What a bare runner stands on: a role without a word of its own. */
type Base = Pick<Role, 'name' | 'runner' | 'tools' | 'profile' | 'persona' | 'mounts'> &
  Partial<Pick<Role, 'provider' | 'limits'>>;

const bare = (runner: string): Base => ({ name: '', runner, tools: [], profile: '', persona: '', mounts: [] });

/** The profile a run of it will have. */
export const profileOf = (
  request: Pick<CreateRunRequest, 'profile' | 'runner'>,
  role: Pick<Role, 'profile' | 'runner'> | undefined,
): string => request.profile || role?.profile || usualProfile(role?.runner ?? request.runner);

/** The envelope without its dispatch id, from a request that passed `checkRequest`. */
export function unitFor(request: CreateRunRequest, role: Role | undefined, frame: Frame): Unit {
  const base: Base = role ?? bare(request.runner);
  const mounts = [...base.mounts, ...request.mounts];
  checkTogether(base.mounts, request.mounts, '/mounts');
  checkRunner(base, request.argv);
  checkWithin(base, request);
  if (request.stay && base.runner === 'exec') throw stayUnfit(base.runner);
  return create(UnitSchema, {
    run: frame.run,
    task: frame.task,
    identity: { org: frame.org, environment: frame.environment, subject: frame.subject, launcher: frame.subject },
    role: base.name,
    runner: base.runner,
    argv: request.argv,
    mounts,
    tools: base.tools,
    trigger: { kind: TriggerKind.NOW, reference: request.idempotencyKey || frame.run },
    start: startFor(request, base.runner, mounts),
    session: request.session,
    stay: request.stay,
    ...(base.provider === undefined ? {} : { provider: base.provider }),
    limits: mergeLimits(base.limits, request.limits),
    profile: profileOf(request, base),
    persona: base.persona,
  });
}

function checkRunner({ runner, provider }: Base, argv: readonly string[]): void {
  checkProviderOf(runner, provider, '/role');
  const takesCommand = runner === 'exec' || runner === 'acp';
  if (takesCommand && argv.length === 0) throw argvInvalid('/argv', `the ${runner} runner needs a command`);
  if (!takesCommand && argv.length > 0)
    throw argvInvalid('/argv', `the ${runner} runner takes no command; use the exec runner`);
}

/** Who may create runs of a role may narrow it, not widen it. */
function checkWithin(base: Base, request: CreateRunRequest): void {
  if (base.profile !== '' && request.profile !== '' && request.profile !== base.profile)
    throw profileFixed(base.profile);
  const raised = limitNames.find((name) => raises(base.limits?.[name], request.limits?.[name]));
  if (raised !== undefined) throw limitRaised(`/limits/${raised}`, String(base.limits?.[raised]));
}

/** What is asked. A command is its own task: the exec runner may leave the start out. */
function startFor(request: CreateRunRequest, runner: string, mounts: readonly Mount[]): Start {
  if (request.start === undefined) {
    if (runner !== 'exec') throw startMissing();
    return create(StartSchema, { start: { case: 'inline', value: request.argv.join(' ') } });
  }
  const { start } = request.start;
  if (start.case === 'path' && mounts.length === 0)
    throw startInvalid('/start/path', 'a path needs a mount to be found in');
  if (start.case === 'session' && !mounts.some((mount) => mount.mode === MountMode.RW)) {
    throw startInvalid('/start/session', 'a session needs a rw mount to go on in');
  }
  return request.start;
}
