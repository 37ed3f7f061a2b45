/** Programs of the machine: taken where they are, else installed by root, else asked of a person. */

import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Fault } from '@sallyport/core/fault';

const run = promisify(execFile);
const systemPlaces = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Path of a program, or undefined. */
export function findProgram(name: string): string | undefined {
  const places = [...(process.env['PATH'] ?? '').split(delimiter), ...systemPlaces];
  return places
    .map((place) => join(place, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** What a person has to run; the run fails with exactly this. */
export const missing = (what: string, command: string): Fault =>
  new Fault('failed_precondition', 'wide.missing', `${what}. Run this once, then again:\n  ${command}`, { command });

let updated: Promise<unknown> | undefined;

/**
 * Makes sure of programs, each named with the Debian package it comes with.
 *
 * @throws Fault `wide.missing` where this user may not install; it names the one command.
 */
export async function ensurePrograms(
  programs: Readonly<Record<string, string>>,
  say: (line: string) => void,
): Promise<void> {
  const lacking = Object.keys(programs).filter((name) => findProgram(name) === undefined);
  if (lacking.length === 0) return;
  const packages = [...new Set(lacking.map((name) => programs[name] ?? name))];
  const install = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const command = `sudo sh -c 'apt-get update && ${install}'`;
  if (process.getuid?.() !== 0 || findProgram('apt-get') === undefined)
    throw missing(`Missing on this machine: ${lacking.join(', ')}`, command);
  say(`installing ${packages.join(', ')} (once) ...`);
  // A package that starts its own service is kept from it: what the run starts is its own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  try {
    updated ??= run('apt-get', ['update', '-qq'], { env });
    await updated;
    await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], {
      env,
      maxBuffer: 64 * 1024 ** 2,
    });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    throw missing(`Could not install ${packages.join(', ')} (${said.slice(-500)})`, command);
  }
}
