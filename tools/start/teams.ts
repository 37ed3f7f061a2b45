/** The platform teams of an installation: who they are in `teams.json`, their nkey seeds in a file each, their accounts on NATS. */

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectTeam, newTeamKey } from '@sallyport/bus/team-connection';
import {
  checkTeam,
  ensureTeamStream,
  sameTeam,
  type Team,
  type TeamAccount,
  teamAccountName,
} from '@sallyport/bus/teams';
import { Fault } from '@sallyport/core/fault';
import { corrupt, type Layout } from './layout.ts';

type Folders = Pick<Layout, 'data' | 'secrets' | 'nats'>;

const bookOf = ({ data }: Folders): string => join(data, 'teams.json');
const folderOf = ({ secrets }: Folders): string => join(secrets, 'teams');

/** The file that a team is given: its nkey seed. */
export const teamSeedFile = (folders: Folders, team: Team): string =>
  join(folderOf(folders), `${team.org}.${team.environment}.${team.name}.seed`);
const keeperSeedFile = (folders: Folders, team: Team): string =>
  join(folderOf(folders), `${team.org}.${team.environment}.${team.name}.keeper.seed`);

/** Every team, in the order they were made. */
export function readTeams(folders: Folders): readonly TeamAccount[] {
  const file = bookOf(folders);
  if (!existsSync(file)) return [];
  try {
    const found = JSON.parse(readFileSync(file, 'utf8')) as readonly TeamAccount[];
    for (const team of found) {
      checkTeam(pick(team));
      if (![team.publicKey, team.keeperKey].every((key) => /^U[A-Z2-7]{55}$/.test(key))) throw new Error('not a key');
    }
    return found;
  } catch {
    throw corrupt(folders.data, 'teams.json is not readable');
  }
}

const pick = ({ org, environment, name }: Team): Team => ({ org, environment, name });

function writeTeams(folders: Folders, teams: readonly TeamAccount[]): void {
  const draft = `${bookOf(folders)}.draft`;
  writeFileSync(draft, JSON.stringify(teams, undefined, 2), { mode: 0o600 });
  renameSync(draft, bookOf(folders));
}

/** @throws Fault `bus.team`, or `start.team_exists`. */
export function addTeam(folders: Folders, team: Team): TeamAccount {
  checkTeam(team);
  const before = readTeams(folders);
  if (before.some((other) => sameTeam(other, team)))
    throw new Fault(
      'already_exists',
      'start.team_exists',
      `there is a team ${team.name} in ${team.org}/${team.environment}; its seed is ${teamSeedFile(folders, team)}`,
    );
  const [user, keeper] = [newTeamKey(), newTeamKey()];
  mkdirSync(folderOf(folders), { recursive: true, mode: 0o700 });
  for (const [file, key] of [
    [teamSeedFile(folders, team), user],
    [keeperSeedFile(folders, team), keeper],
  ] as const) {
    // Left over from a making that broke off: nobody was told of it.
    rmSync(file, { force: true });
    writeFileSync(file, `${key.seed}\n`, { mode: 0o600, flag: 'wx' });
  }
  const made = { ...team, publicKey: user.publicKey, keeperKey: keeper.publicKey };
  writeTeams(folders, [...before, made]);
  return made;
}

/** @throws Fault `start.team_unknown`. */
export function removeTeam(folders: Folders, team: Team): void {
  const before = readTeams(folders);
  const rest = before.filter((other) => !sameTeam(other, team));
  if (rest.length === before.length)
    throw new Fault(
      'not_found',
      'start.team_unknown',
      `there is no team ${team.name} in ${team.org}/${team.environment}; see: npm run team -- ls`,
    );
  writeTeams(folders, rest);
  for (const file of [teamSeedFile(folders, team), keeperSeedFile(folders, team)]) rmSync(file, { force: true });
}

/** What a team's stream kept; only once no server has its account any more. */
export function dropTeamStream({ nats }: Folders, team: Team): void {
  rmSync(join(nats, 'jetstream', 'jetstream', teamAccountName(team)), { recursive: true, force: true });
}

/** Connects as the keeper of a team's stream; refused while the server does not know the team. */
export function connectKeeper(folders: Folders, team: Team, url: string): ReturnType<typeof connectTeam> {
  const file = keeperSeedFile(folders, team);
  if (!existsSync(file)) throw corrupt(folders.data, `the keeper's seed of team ${team.name} is missing`);
  return connectTeam(url, readFileSync(file, 'utf8').trim());
}

/** Makes sure that every team's stream is there. One that cannot be made is told of and holds nothing up: it is the team that misses it. */
export async function ensureTeamStreams(
  folders: Folders,
  url: string,
  failed: (team: Team, why: string) => void,
): Promise<void> {
  for (const team of readTeams(folders)) {
    try {
      const keeper = await connectKeeper(folders, team, url);
      try {
        await ensureTeamStream(keeper, team);
      } finally {
        await keeper.close();
      }
    } catch (error) {
      failed(team, error instanceof Error ? error.message : String(error));
    }
  }
}
