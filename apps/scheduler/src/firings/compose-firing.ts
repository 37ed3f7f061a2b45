/** Makes the envelope of a firing from its trigger's template and role, or says why it cannot be. Pure. */

import { create } from '@bufbuild/protobuf';
import { type CreateRunRequest, CreateRunRequestSchema, type Role } from '@sallyport/contracts/schedule/v1/schedule';
import type { RunTemplate } from '@sallyport/contracts/schedule/v1/trigger';
import {
  type Attachment,
  IdentitySchema,
  TriggerKind,
  TriggerSchema,
  type Unit,
} from '@sallyport/contracts/unit/v1/unit';
import { newId } from '@sallyport/core/ids';
import { unitFor } from '../runs/compose-unit.ts';
import type { Trigger } from '../triggers/trigger.ts';

/** A template as the request it stands for. */
export const requestOf = (template: RunTemplate): CreateRunRequest =>
  create(CreateRunRequestSchema, {
    role: template.role,
    runner: template.runner,
    argv: template.argv,
    ...(template.start === undefined ? {} : { start: template.start }),
    mounts: template.mounts,
    ...(template.limits === undefined ? {} : { limits: template.limits }),
    session: template.session,
    profile: template.profile,
  });

/** The envelope under a fresh run: on behalf of whoever gave the grant, launched by the trigger. Throws the fault of what does not fit. */
export function firingUnit(
  trigger: Trigger,
  role: Role | undefined,
  key: string,
  attachments: readonly Attachment[],
  now: number,
): Unit {
  const { org, environment, subject, template } = trigger;
  const ids = { run: newId('run', now), task: newId('task', now) };
  const unit = unitFor(requestOf(template), role, { ...ids, org, environment, subject });
  return {
    ...unit,
    identity: create(IdentitySchema, { org, environment, subject, launcher: trigger.id }),
    trigger: create(TriggerSchema, {
      kind: trigger.kind === 'schedule' ? TriggerKind.CRON : TriggerKind.EVENT,
      reference: key,
      source: trigger.id,
      grant: trigger.grant,
    }),
    attachments: [...attachments],
  };
}
