/** What an engine can isolate, asked of it. */

import { Fault } from '@sallyport/core/fault';
import type { Capability } from '../backend.ts';
import type { Engine } from './engine.ts';
import { isPinned } from './image-name.ts';
import { holesOf } from './runc.ts';

const fine = (name: string, cause: string): Capability => ({ name, ok: true, cause, remedy: '' });
const lacking = (name: string, cause: string, remedy: string): Capability => ({ name, ok: false, cause, remedy });

/** Every capability, in the order a person would mend them; nothing is started. */
export async function checkEngine(engine: Engine, image: string | undefined): Promise<readonly Capability[]> {
  try {
    const facts = await engine.facts();
    const holes = holesOf(facts.runc);
    return [
      fine('docker', `engine ${facts.version} at ${engine.host}`),
      process.getuid?.() === 0
        ? fine('docker_root', 'the runtime may set routes of containers')
        : lacking('docker_root', 'the runtime is not root', 'run the runtime as root, or use the process backend'),
      facts.seccomp
        ? fine('docker_seccomp', 'the engine filters system calls')
        : lacking('docker_seccomp', 'the engine filters no system calls', 'use a build of Docker with seccomp'),
      facts.userns === undefined
        ? lacking('docker_userns', 'containers share the host’s user namespace', 'start the engine with --userns-remap')
        : fine('docker_userns', `mapped from ${facts.userns}`),
      holes === undefined ? fine('docker_runc', facts.runc ?? '') : lacking('docker_runc', holes, 'upgrade runc'),
      await checkImage(engine, image),
    ];
  } catch (error) {
    return [lacking('docker', Fault.from(error).message, 'apt-get install docker.io, and start it')];
  }
}

async function checkImage(engine: Engine, image: string | undefined): Promise<Capability> {
  const remedy = 'build deploy/images/sandbox.Dockerfile, and set SALLY_DOCKER_IMAGE to the id of what it makes';
  if (image === undefined) return lacking('docker_image', 'no sandbox image is named', remedy);
  if (!isPinned(image)) return lacking('docker_image', 'the sandbox image is named by a tag', remedy);
  const id = await engine.imageId(image);
  return id === undefined ? lacking('docker_image', `the engine has no ${image}`, remedy) : fine('docker_image', id);
}
