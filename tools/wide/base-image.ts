/** A Debian base image without a hub: made by debootstrap once, kept as a tarball. */

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from './cache.ts';
import { ensurePrograms } from './programs.ts';

const run = promisify(execFile);
const mirror = 'http://deb.debian.org/debian';
const suite = 'bookworm';

/** Answers the tarball's path; root makes it when it is missing. */
export async function baseTarball(say: (line: string) => void): Promise<string> {
  const tarball = join(cacheFolder('images'), `base-${suite}-${process.arch}.tar`);
  if (existsSync(tarball)) return tarball;
  await ensurePrograms({ debootstrap: 'debootstrap', tar: 'tar' }, say);
  say(`making a ${suite} base image with debootstrap (once) ...`);
  const work = mkdtempSync(join(cacheFolder('images'), 'debootstrap-'));
  try {
    await run('debootstrap', ['--variant=minbase', suite, join(work, 'root'), mirrorOf()], {
      maxBuffer: 64 * 1024 ** 2,
    });
    await run('tar', ['-C', join(work, 'root'), '-cf', join(work, 'base.tar'), '.']);
    renameSync(join(work, 'base.tar'), tarball);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return tarball;
}

/** The mirror this machine already uses, so that whatever stands in for Debian's is taken. */
function mirrorOf(): string {
  for (const file of ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list']) {
    try {
      const found = /^(?:URIs: |deb (?:\[[^\]]*\] )?)(https?:\/\/\S+\/debian)\/?(?:\s|$)/m.exec(
        readFileSync(file, 'utf8'),
      );
      if (found?.[1] !== undefined) return found[1];
    } catch {
      // That form of list is not used here.
    }
  }
  return mirror;
}
