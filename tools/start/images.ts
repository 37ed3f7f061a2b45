/** The images of `deploy/images`, built into an engine and found again by what they were made of. */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '@sallyport/core/fault';
import type Docker from 'dockerode';
import { repository } from './options.ts';

/** What goes into an image beside its Dockerfile, by name in the context. */
const contexts = {
  sandbox: { node: process.execPath },
  service: { node: process.execPath, dist: join(repository, 'dist'), docs: join(repository, 'docs') },
} as const;

export type ImageName = keyof typeof contexts;

export interface ImageBuild {
  readonly name: ImageName;
  /** Image that stands for `ARG BASE`; the Dockerfile's own default when there is none. */
  readonly base?: string;
}

/** Label that holds the hash of everything an image was made of. */
export const sourceLabel = 'sh.sallyport.source';

/** Hash of everything an image is made of, its base included. */
export function sourceOf({ name, base = '' }: ImageBuild): string {
  const hash = createHash('sha256')
    .update(readFileSync(dockerfileOf(name)))
    .update(base)
    .update(process.version);
  if ('dist' in contexts[name]) hash.update(readFileSync(join(repository, 'dist', 'stamp')));
  return hash.digest('hex');
}

/** Id of an image that was built from exactly this, or undefined. */
export async function findImage(engine: Docker, build: ImageBuild): Promise<string | undefined> {
  const found = await engine.listImages({ filters: { label: [`${sourceLabel}=${sourceOf(build)}`] } });
  return found[0]?.Id;
}

/** Builds an image and answers its id. The build needs the package mirrors of the base. */
export async function buildImage(engine: Docker, build: ImageBuild): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'sally-image-'));
  try {
    copyFileSync(dockerfileOf(build.name), join(directory, 'Dockerfile'));
    for (const [name, path] of Object.entries(contexts[build.name])) symlinkSync(path, join(directory, name));
    const tar = spawn('tar', ['-C', directory, '-ch', ...readdirSync(directory)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const answer = await engine.buildImage(tar.stdout, {
      labels: { [sourceLabel]: sourceOf(build) },
      networkmode: 'host',
      rm: true,
      ...(build.base !== undefined && { buildargs: { BASE: build.base } }),
    });
    return await idOf(engine, answer, build.name);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface BuildLine {
  readonly stream?: string;
  readonly error?: string;
  readonly aux?: { readonly ID?: string };
}

function idOf(engine: Docker, answer: NodeJS.ReadableStream, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    engine.modem.followProgress(answer, (error: Error | null, lines: BuildLine[] | null) => {
      const failed = error?.message ?? lines?.find((line) => line.error !== undefined)?.error;
      const id = lines?.findLast((line) => line.aux?.ID !== undefined)?.aux?.ID;
      if (failed === undefined && id !== undefined) return resolve(id);
      const said = (lines ?? []).flatMap(({ stream }) => stream ?? []).join('');
      const why = `the image ${name} could not be built: ${failed ?? 'the engine named no image'}`;
      reject(new Fault('unavailable', 'start.image', `${why}\n${said.slice(-2000)}`));
    });
  });
}

const dockerfileOf = (name: ImageName): string => join(repository, 'deploy', 'images', `${name}.Dockerfile`);
