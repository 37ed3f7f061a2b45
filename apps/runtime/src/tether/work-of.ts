/** What a supervisor is told of its unit: everything a runner may know, and no secret or host path among it. */

import { create } from '@bufbuild/protobuf';
import { type AwaitWorkResponse, AwaitWorkResponseSchema } from '@sallyport/contracts/runner/v1/tether';
import { MountMode, type Unit } from '@sallyport/contracts/unit/v1/unit';

/** The name under which a sandbox finds its model; egress knows the real endpoint. */
export const modelUrl = 'http://model.sallyport.internal';

export function workOf(unit: Unit, idleSeconds: number): AwaitWorkResponse {
  const { dispatch, runner, argv, start, persona, tools, mounts, provider, limits, attachments, stay } = unit;
  const home = mounts.find(({ mode }) => mode === MountMode.RW) ?? mounts[0];
  return create(AwaitWorkResponseSchema, {
    runner,
    argv,
    persona,
    tools,
    mounts,
    session: unit.session === '' ? unit.run : unit.session,
    attachments,
    stay,
    idleSeconds,
    dispatch,
    turns: limits?.turns ?? 0,
    directory: home === undefined ? '/tmp' : `/workspace/${home.workspace}`,
    ...(start && { start }),
    ...(provider && { modelUrl, model: provider.model, dialect: provider.dialect }),
  });
}
