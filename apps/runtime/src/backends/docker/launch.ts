/** One start in Docker, from a spec to a container whose program may run. */

import { readFile } from 'node:fs/promises';
import { Fault } from '@sallyport/core/fault';
import type { SandboxSpec } from '../backend.ts';
import { startFailed, stillAlive } from '../backend-faults.ts';
import { parseHierarchies } from '../process/cgroups.ts';
import { type ProcessIdentity, startTimeOf } from '../process/proc.ts';
import { createBody } from './create-body.ts';
import { type Engine, saidBy } from './engine.ts';
import { makeFiles } from './files.ts';
import type { DockerGround } from './ground.ts';
import { type Keeper, startKeeper } from './keeper.ts';
import { setRoutes } from './routes.ts';

export interface ContainerLaunch {
  readonly spec: SandboxSpec;
  readonly directory: string;
  readonly ground: DockerGround;
  readonly uid: number;
  readonly engine: Engine;
  /** First argument of the keeper, by which it is found again. */
  readonly marker: string;
}

export interface LaunchedContainer {
  readonly container: string;
  readonly first: ProcessIdentity;
  readonly keeper: Keeper;
  readonly cgroups: readonly string[];
}

/**
 * Starts a container with its gate closed, notes its first process and its control groups, and sets its routes.
 *
 * @throws Fault; what was made is then for the caller to clear by its label.
 */
export async function launchContainer(job: ContainerLaunch): Promise<LaunchedContainer> {
  const { spec, directory, ground, uid, engine, marker } = job;
  const inside = uid - (ground.facts.userns ?? 0);
  await makeFiles(spec, directory, inside);
  const [standing, made] = await Promise.allSettled([
    startKeeper(directory, marker, spec.deadlineSeconds),
    makeContainer(engine, createBody({ ground, spec, directory, inside }), spec.id),
  ]);
  if (standing.status === 'rejected') throw standing.reason;
  const keeper = standing.value;
  try {
    if (made.status === 'rejected') throw made.reason;
    const container = made.value;
    keeper.say(container);
    await engine.start(container).catch((error: unknown) => {
      throw error instanceof Fault ? error : startFailed(spec.id, saidBy(error));
    });
    const first = await noteFirst(engine, container, ground.image, spec.id);
    const cgroups = await groupsOf(first.pid, container, spec.id);
    await setRoutes(first.pid);
    return { container, first, keeper, cgroups };
  } catch (error) {
    keeper.end();
    throw error;
  }
}

type Body = Parameters<Engine['create']>[0];

/** What an earlier attempt left under the name goes first, unless it is alive. */
async function makeContainer(engine: Engine, body: Body, id: string): Promise<string> {
  try {
    const made = await engine.create(body);
    if (made !== undefined) return made;
    for (const { id: container } of await engine.containersOf(id)) {
      if ((await engine.inspect(container))?.running === true) throw stillAlive(id);
      await engine.remove(container);
    }
    const again = await engine.create(body);
    if (again !== undefined) return again;
    throw startFailed(id, 'a container that is not ours has its name');
  } catch (error) {
    throw error instanceof Fault ? error : startFailed(id, saidBy(error));
  }
}

/** The first process, which waits at the gate; of the image that was asked for, whatever its name means by now. */
async function noteFirst(engine: Engine, container: string, image: string, id: string): Promise<ProcessIdentity> {
  const facts = await engine.inspect(container);
  const startTime = facts === undefined ? undefined : await startTimeOf(facts.pid);
  if (facts === undefined || startTime === undefined) throw startFailed(id, 'it ended before its program ran');
  if (facts.image !== image) throw startFailed(id, 'the engine made it of another image');
  return { pid: facts.pid, startTime };
}

/** Folders of the container's control groups, which bear its id: what is in them is surely of it. */
async function groupsOf(pid: number, container: string, id: string): Promise<readonly string[]> {
  const [mountinfo, groups] = await Promise.all([
    readFile('/proc/self/mountinfo', 'utf8'),
    readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => ''),
  ]);
  const found = parseHierarchies(mountinfo, groups).map(({ own }) => own);
  const own = [...new Set(found)].filter((path) => path.includes(container));
  if (own.length === 0) throw startFailed(id, 'its control groups cannot be seen from here');
  return own;
}
