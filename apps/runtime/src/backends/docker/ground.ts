/** What every start in Docker stands on: the engine's facts, the pinned image, the filter, the programs that are bound in. */

import { realpath } from 'node:fs/promises';
import { canonicalHash, sha256Hex } from '@sallyport/core/canonical';
import { isolationMissing } from '../backend-faults.ts';
import type { Root } from '../process/launch.ts';
import { machineOf } from '../process/rootfs.ts';
import type { Ground } from './create-body.ts';
import type { Engine, EngineFacts } from './engine.ts';
import { hashOf } from './files.ts';
import { isPinned } from './image-name.ts';
import { initScript } from './scripts.ts';
import { engineProfile } from './seccomp-json.ts';

export interface DockerGround extends Ground {
  readonly facts: EngineFacts;
  readonly root: Root;
  readonly rootfsHash: string;
}

export interface GroundSources {
  readonly label: string;
  /** The runtime's folder. */
  readonly directory: string;
  readonly node: string;
  readonly agent?: string;
  /** npm prefix of coding agents, seen as `/opt/runners`. */
  readonly runners?: string;
  /** Name of the sandbox image, pinned; without one nothing is started. */
  readonly image?: string;
}

/** @throws Fault `runtime.isolation_missing` with what to do, `runtime.engine_unreachable`. */
export async function layGround(engine: Engine, sources: GroundSources): Promise<DockerGround> {
  const { label, directory, node, agent, runners, image: name } = sources;
  if (name === undefined)
    throw isolationMissing('docker', 'no sandbox image is named; set SALLY_DOCKER_IMAGE to one by its digest');
  if (!isPinned(name))
    throw isolationMissing('image', 'SALLY_DOCKER_IMAGE names a tag, which may mean anything tomorrow; name a digest');
  if (process.getuid?.() !== 0)
    throw isolationMissing('docker', 'routes and folders of containers are set by root; run the runtime as root');
  const machine = machineOf(process.arch);
  if (machine === undefined) throw isolationMissing('seccomp', `no system call filter is known for ${process.arch}`);
  const [facts, image] = await Promise.all([engine.facts(), engine.imageId(name)]);
  if (!facts.seccomp) throw isolationMissing('seccomp', 'the engine filters no system calls');
  if (image === undefined)
    throw isolationMissing(
      'image',
      `the engine at ${engine.host} has no image ${name}; load or pull it by that digest`,
    );
  const seccomp = JSON.stringify(engineProfile(machine));
  const programs: (readonly [string, string])[] = [[node, '/opt/sallyport/node']];
  if (agent !== undefined) programs.push([agent, '/opt/sallyport/agent.mjs']);
  if (runners !== undefined) programs.push([runners, '/opt/runners']);
  const rootfs = { image, agent: await hashOf(agent), init: sha256Hex(initScript), filter: sha256Hex(seccomp) };
  return {
    label,
    image,
    seccomp,
    programs,
    facts,
    root: { path: directory, real: await realpath(directory) },
    rootfsHash: canonicalHash({ ...rootfs, binds: programs.map(([, target]) => target) }),
  };
}
