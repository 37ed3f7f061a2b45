/** Has a running NATS take in the teams anew, and sees that it did. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Bus } from '@sallyport/bus/connection';
import { pidFile } from '@sallyport/bus/nats-server';
import { teamHello } from '@sallyport/bus/subject';
import { ensureTeamStream, type Team, writeTeamAccounts } from '@sallyport/bus/teams';
import { Fault } from '@sallyport/core/fault';
import type { Layout } from './layout.ts';
import { connectKeeper, readTeams } from './teams.ts';

export interface RunningNats {
  readonly pid: number;
  readonly url: string;
}

/** The server of a data folder, or undefined when none runs. */
export function runningNats({ nats }: Pick<Layout, 'nats'>): RunningNats | undefined {
  try {
    const pid = Number(readFileSync(pidFile(nats), 'utf8').trim());
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(nats)) return undefined;
    const [ports = ''] = readdirSync(nats).filter((name) => name.endsWith(`${pid}.ports`));
    const { nats: urls } = JSON.parse(readFileSync(join(nats, ports), 'utf8')) as { readonly nats: readonly string[] };
    return urls[0] === undefined ? undefined : { pid, url: urls[0] };
  } catch {
    return undefined;
  }
}

const tries = 40;
const eachMs = 250;

/** Writes the teams and has the server read them again. */
function reload(layout: Layout, server: RunningNats): void {
  writeTeamAccounts(layout.nats, readTeams(layout));
  process.kill(server.pid, 'SIGHUP');
}

/**
 * Resolves once a new team can be heard and its stream is there.
 *
 * Server 2.9 binds what a new account imports only when the configuration is read once more, so it is read until a question of the
 * team's side is answered on ours.
 */
export async function bindTeam(layout: Layout, server: RunningNats, team: Team): Promise<void> {
  const seed = readFileSync(join(layout.secrets, 'nats-operator.seed'), 'utf8').trim();
  const operator = await Bus.connect({ url: server.url, caller: 'operator', seed });
  try {
    const hello = teamHello(team.org, team.environment, team.name);
    operator.nats.subscribe(hello, { callback: (error, message) => void (error === null && message.respond()) });
    await operator.nats.flush();
    for (let round = 0; round < tries; round += 1) {
      reload(layout, server);
      await pause(eachMs);
      if (await answered(layout, server, team, hello)) return;
    }
    throw notTaken();
  } finally {
    await operator.close();
  }
}

async function answered(layout: Layout, server: RunningNats, team: Team, hello: string): Promise<boolean> {
  const keeper = await connectKeeper(layout, team, server.url).catch(() => undefined);
  if (keeper === undefined) return false;
  try {
    await ensureTeamStream(keeper, team);
    await keeper.request(hello, undefined, { timeout: 1_000 });
    return true;
  } catch {
    return false;
  } finally {
    await keeper.close();
  }
}

/** Resolves once the server no longer lets a team in; `refused` tells. */
export async function unbindTeam(layout: Layout, server: RunningNats, refused: () => Promise<boolean>): Promise<void> {
  reload(layout, server);
  for (let round = 0; round < tries; round += 1) {
    if (await refused()) return;
    await pause(eachMs);
  }
  throw notTaken();
}

const notTaken = (): Fault =>
  new Fault(
    'unavailable',
    'start.team_reload',
    'NATS did not take the change in; it does when the stack is started again',
  );
