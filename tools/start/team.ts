/** `npm run team`: credentials for platform teams that work over NATS, each limited to one environment of one org. */

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { connectTeam } from '@sallyport/bus/team-connection';
import { type Team, teamHears, teamSays } from '@sallyport/bus/teams';
import { Fault } from '@sallyport/core/fault';
import { type Layout, prepareLayout } from './layout.ts';
import { takeLock } from './lock.ts';
import { out, runCommand } from './operator-command.ts';
import { defaultData } from './options.ts';
import { bindTeam, runningNats, unbindTeam } from './reload-nats.ts';
import { addTeam, dropTeamStream, readTeams, removeTeam, teamSeedFile } from './teams.ts';

const usage = `npm run team -- create NAME --org O --environment E [--data DIR]
npm run team -- ls [--data DIR]
npm run team -- rm NAME --org O --environment E [--data DIR]

A team hears the runs, output and audit of one environment, and sends events and inputs to it, over NATS: docs/integrate/nats.md.
A stack that runs takes the change in without a restart.`;

const exitCodes: Readonly<Record<string, number>> = {
  'start.usage': 2,
  'bus.team': 2,
  'start.team_unknown': 5,
  'start.team_exists': 6,
  'start.running': 6,
};

const usageFault = (what: string): Fault => new Fault('invalid_argument', 'start.usage', `${what}\n\n${usage}`);

function read(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        org: { type: 'string' },
        environment: { type: 'string' },
        data: { type: 'string', default: defaultData },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw usageFault(error instanceof Error ? error.message : String(error));
  }
}

async function create(layout: Layout, team: Team): Promise<void> {
  const made = addTeam(layout, team);
  const server = runningNats(layout);
  if (server !== undefined) await bindTeam(layout, server, made);
  out(`seed    ${teamSeedFile(layout, made)}`);
  out(`server  ${server?.url ?? 'not running; the next start lets the team in'}`);
  for (const subject of teamHears(made)) out(`hears   ${subject}`);
  for (const subject of teamSays(made)) out(`says    ${subject}`);
}

async function remove(layout: Layout, team: Team): Promise<void> {
  const file = teamSeedFile(layout, team);
  const seed = existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
  removeTeam(layout, team);
  const server = runningNats(layout);
  if (server !== undefined && seed !== undefined) {
    await unbindTeam(layout, server, () =>
      connectTeam(server.url, seed).then(
        (connection) => connection.close().then(() => false),
        () => true,
      ),
    );
  }
  dropTeamStream(layout, team);
  out(`${team.name} of ${team.org}/${team.environment} is gone; its connections are closed`);
}

function list(layout: Layout): void {
  for (const team of readTeams(layout))
    out(`${team.org}/${team.environment}\t${team.name}\t${teamSeedFile(layout, team)}`);
}

async function main(): Promise<void> {
  const { values, positionals } = read(process.argv.slice(2));
  if (values.help === true) return out(usage);
  const [action, name, ...rest] = positionals;
  const data = resolve(values.data);
  if (!existsSync(join(data, 'format.json'))) throw usageFault(`${data} is no data folder; start the product first`);
  const layout = prepareLayout(data);
  if (action === 'ls' && name === undefined) return list(layout);
  if ((action !== 'create' && action !== 'rm') || rest.length > 0) throw usageFault('say create, ls or rm');
  const { org, environment } = values;
  if (name === undefined || org === undefined || environment === undefined)
    throw usageFault(`${action} needs a name, --org and --environment`);
  const unlock = takeLock(join(data, 'teams.lock'), 'npm run team');
  try {
    await (action === 'create' ? create : remove)(layout, { org, environment, name });
  } finally {
    unlock();
  }
}

await runCommand(main, exitCodes);
