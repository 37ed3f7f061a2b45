/** The container engine of this machine, as far as the edge is told of it: its socket and the sandbox image in it. */

import { Fault } from '@sallyport/core/fault';
import Docker from 'dockerode';
import { isPinned } from '../../apps/runtime/src/backends/docker/image-name.ts';
import { buildImage, findImage } from './images.ts';

/** What the runtime is told, and what a person is. */
export interface Substrates {
  /** Where a profile runs that names no substrate. */
  readonly usual: 'process' | 'docker';
  readonly env: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

type Variables = Readonly<Record<string, string | undefined>>;

const usualSocket = 'unix:///var/run/docker.sock';
const installRemedy = 'apt-get install docker.io, and start it; or start without SALLY_BACKEND=docker';

const refusal = (what: string, remedy: string): Fault =>
  new Fault('failed_precondition', 'start.docker', `${what}. Remedy: ${remedy}`);

/**
 * Looks for an engine and its sandbox image. With `SALLY_BACKEND=docker` both must be there: the image is built when it is not.
 * Without, what is there serves the profiles that ask for it, and nothing is made.
 *
 * @throws Fault `start.docker` with what to do.
 */
export async function findSubstrates(variables: Variables, say: (line: string) => void): Promise<Substrates> {
  const usual = usualOf(variables['SALLY_BACKEND']);
  const named = variables['SALLY_DOCKER_IMAGE'];
  if (named !== undefined && !isPinned(named))
    throw refusal(
      `SALLY_DOCKER_IMAGE is ${named}, a tag, which may mean anything tomorrow`,
      'name it by its sha256: id',
    );
  const isWanted = usual === 'docker' || named !== undefined;
  const host = hostOf(variables);
  const engine = new Docker({ socketPath: host.slice('unix://'.length) });
  const version = await engine.version().catch((error: unknown) => {
    if (isWanted) throw refusal(`no Docker engine answers at ${host} (${String(error)})`, installRemedy);
  });
  const none: Substrates = { usual, env: { SALLY_BACKEND: usual }, notes: [] };
  if (version === undefined) return none;
  if (process.getuid?.() !== 0) {
    if (isWanted) throw refusal('sandboxes in Docker need root, which sets their routes', 'sudo npm start');
    return none;
  }
  const image = await imageOf(engine, variables, usual, say);
  if (image === undefined) return none;
  return {
    usual,
    env: { SALLY_BACKEND: usual, SALLY_DOCKER_HOST: host, SALLY_DOCKER_IMAGE: image },
    notes: [
      `Docker ${version.Version} at ${host}, sandbox image ${image.slice(0, 19)}…: ${usual === 'docker' ? 'agents run in it' : 'profiles docker and docker-* run in it'}`,
    ],
  };
}

function usualOf(named = 'process'): 'process' | 'docker' {
  if (named === 'process' || named === 'docker') return named;
  throw new Fault('invalid_argument', 'start.usage', `SALLY_BACKEND takes process or docker, not ${named}`);
}

function hostOf(variables: Variables): string {
  const named = variables['SALLY_DOCKER_HOST'] ?? variables['DOCKER_HOST'] ?? usualSocket;
  if (named.startsWith('unix:///')) return named;
  throw refusal(`the engine at ${named} is not on this machine`, 'name its Unix socket in SALLY_DOCKER_HOST');
}

async function imageOf(
  engine: Docker,
  variables: Variables,
  usual: 'process' | 'docker',
  say: (line: string) => void,
): Promise<string | undefined> {
  const named = variables['SALLY_DOCKER_IMAGE'];
  if (named !== undefined) {
    await engine
      .getImage(named)
      .inspect()
      .catch(() => {
        throw refusal(
          `the engine has no image ${named}`,
          'load or pull it by that digest, or leave SALLY_DOCKER_IMAGE out',
        );
      });
    return named;
  }
  const base = variables['SALLY_DOCKER_BASE'];
  const build = { name: 'sandbox', ...(base !== undefined && { base }) } as const;
  const found = await findImage(engine, build);
  if (found !== undefined || usual !== 'docker') return found;
  say('building the sandbox image from deploy/images (once) ...');
  return buildImage(engine, build);
}
