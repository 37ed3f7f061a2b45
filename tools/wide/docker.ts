/** The Docker engine of the wide circle, with the sandbox image in it. */

import { createReadStream, createWriteStream, existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { DockerEngine } from '@sallyport/testkit/wide';
import type Docker from 'dockerode';
import { buildImage, findImage, type ImageName, sourceOf } from '../start/images.ts';
import { baseTarball } from './base-image.ts';
import { cacheFolder } from './cache.ts';
import { DockerEngineProcess } from './docker-engine.ts';
import { ensurePrograms, missing } from './programs.ts';
import type { Provide } from './requirement.ts';

/** Name of the base in the engine; only the build sees it. */
const base = 'sallyport/base:local';
const packages = {
  dockerd: 'docker.io',
  containerd: 'docker.io',
  runc: 'docker.io',
  nsenter: 'util-linux',
  ip: 'iproute2',
};

/** A private engine; `restart` ends it with a signal and starts it again, `image` builds another image of `deploy/images`. */
export const provideDocker: Provide<DockerEngine> = async (say) => {
  const engine = await startEngine(say);
  try {
    const image = await imageIn(engine.docker, 'sandbox', say);
    const value = (): DockerEngine => ({ host: `unix://${engine.socket}`, image, pid: engine.pid });
    return {
      get value() {
        return value();
      },
      actions: {
        end: async (body) => engine.end(signalOf(body)),
        start: async (body) => {
          await engine.start((body as { flags?: readonly string[] }).flags);
          return value();
        },
        restart: async (body) => {
          await engine.end(signalOf(body));
          await engine.start();
          return value();
        },
        image: async (body) => imageIn(engine.docker, (body as { name: ImageName }).name, say),
      },
      stop: () => engine.remove(),
    };
  } catch (error) {
    await engine.remove();
    throw error;
  }
};

const signalOf = (body: unknown): 'SIGTERM' | 'SIGKILL' =>
  (body as { signal?: string }).signal === 'SIGKILL' ? 'SIGKILL' : 'SIGTERM';

/**
 * Starts an engine of our own; `flags` go to it as they are.
 *
 * @throws Fault `wide.missing` where this user may neither install nor start one.
 */
export async function startEngine(
  say: (line: string) => void,
  flags: readonly string[] = [],
): Promise<DockerEngineProcess> {
  if (process.getuid?.() !== 0)
    throw missing('A Docker engine of its own can be started by root only', 'sudo npm run test:wide');
  await ensurePrograms(packages, say);
  const engine = new DockerEngineProcess(flags);
  try {
    await engine.start();
  } catch (error) {
    await engine.remove();
    throw error;
  }
  return engine;
}

/** An image of `deploy/images` in an engine: there already, loaded from the cache, or built and kept there. */
export async function imageIn(engine: Docker, name: ImageName, say: (line: string) => void): Promise<string> {
  const build = { name, base };
  const found = await findImage(engine, build);
  if (found !== undefined) return found;
  const kept = join(cacheFolder('images'), `${name}-${sourceOf(build).slice(0, 16)}.tar`);
  if (existsSync(kept)) {
    await finished(engine, await engine.loadImage(createReadStream(kept)));
    const loaded = await findImage(engine, build);
    if (loaded !== undefined) return loaded;
  }
  await importBase(engine, say);
  say(`building the ${name} image (once) ...`);
  const image = await buildImage(engine, build);
  // Under a name of its own until it is whole: another run may look for it.
  const draft = `${kept}.${process.pid}`;
  await pipeline(await engine.getImage(image).get(), createWriteStream(draft));
  renameSync(draft, kept);
  return image;
}

async function importBase(engine: Docker, say: (line: string) => void): Promise<void> {
  const there = await engine.listImages({ filters: { reference: [base] } });
  if (there.length > 0) return;
  const [repo = '', tag = ''] = base.split(':');
  const tarball = await baseTarball(say);
  await finished(engine, await engine.importImage(createReadStream(tarball), { fromSrc: '-', repo, tag }));
}

function finished(engine: Docker, answer: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    engine.modem.followProgress(answer, (error: Error | null) => (error === null ? resolve() : reject(error)));
  });
}
