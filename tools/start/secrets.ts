/** Secrets of one installation: made once, one file each, mode 0600, each read by the one service it belongs to. */

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newSeeds, type Seeds } from '@sallyport/bus/nats-server';
import { type Caller, callers } from '@sallyport/core/access';
import { corrupt } from './layout.ts';

export interface Secrets {
  readonly seeds: Seeds;
  seedFile(caller: Caller): string;
  databasePassword(role: string): string;
  /** A file of 32 random bytes. */
  keyFile(name: string): string;
}

/** Opens the secrets of a folder, making those that are missing. */
export function openSecrets(directory: string, data: string): Secrets {
  const ensure = (name: string, make: () => string): string => {
    const file = join(directory, name);
    if (!existsSync(file)) writeFileSync(file, make(), { mode: 0o600, flag: 'wx' });
    const value = readFileSync(file, 'utf8').trim();
    if (value === '') throw corrupt(data, `secrets/${name} is empty`);
    return value;
  };
  const fresh = newSeeds();
  const seeds = Object.fromEntries(
    callers.map((caller) => [caller, ensure(`nats-${caller}.seed`, () => fresh[caller])]),
  ) as Seeds;
  return {
    seeds,
    seedFile: (caller) => join(directory, `nats-${caller}.seed`),
    databasePassword: (role) => ensure(`database-${role}.password`, () => randomBytes(24).toString('base64url')),
    keyFile: (name) => {
      const file = join(directory, name);
      if (!existsSync(file)) writeFileSync(file, randomBytes(32), { mode: 0o600, flag: 'wx' });
      if (statSync(file).size !== 32) throw corrupt(data, `secrets/${name} does not hold 32 bytes`);
      return file;
    },
  };
}
