/** The files a container sees of ours: the same for all of a runtime, and those of one workload. */

import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../process/proc.ts';
import { writtenEtc } from '../process/rootfs.ts';
import { initScript } from './scripts.ts';

/** Makes a workload's folder with what is seen inside; what an earlier attempt left there goes first. */
export async function makeFiles(
  spec: { readonly directory: string },
  directory: string,
  inside: number,
): Promise<void> {
  await mkdir(spec.directory, { recursive: true });
  await mkdir(directory, { mode: 0o700 }).catch(async (error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error;
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { mode: 0o700 });
  });
  // The container's user passes through neither folder above, only into what is bound.
  await Promise.all(['control', 'etc'].map((name) => mkdir(join(directory, name), { mode: 0o755 })));
  const etc = { ...writtenEtc, ...peopleOf(inside) };
  await Promise.all([
    writeFile(join(directory, 'control', 'init'), initScript, { mode: 0o644 }),
    ...Object.entries(etc).map(([name, text]) => writeFile(join(directory, 'etc', name), text, { mode: 0o644 })),
  ]);
}

/** The agent under its number: programs ask who they are. */
const peopleOf = (inside: number): Readonly<Record<string, string>> => ({
  passwd: `root:x:0:0:root:/:/usr/sbin/nologin\nagent:x:${inside}:${inside}:agent:/tmp/home:/bin/sh\nnobody:x:65534:65534::/:/usr/sbin/nologin\n`,
  group: `root:x:0:\nagent:x:${inside}:\nnogroup:x:65534:\n`,
});

/** SHA-256 of a program's file; empty when there is none. */
export async function hashOf(path: string | undefined): Promise<string> {
  return path === undefined
    ? ''
    : createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
}
