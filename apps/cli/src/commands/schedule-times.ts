/** `schedule history`, `schedule next`. */

import type { Firing, Schedule } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { usage } from '../failure.ts';
import { countOf, type Flags, textOf } from '../flags.ts';
import { zoned } from '../output/zoned.ts';
import { firingView } from './schedule-views.ts';

export async function listFirings(
  { api, printer }: Context,
  [name = '']: readonly (string | undefined)[],
  flags: Flags,
): Promise<undefined> {
  const most = countOf(flags, 'limit', '--limit') ?? 50;
  await printer.list(await api.all<Firing>(`${at(name)}/firings`, { limit: Math.min(200, most) }, most), firingView);
  return undefined;
}

export async function nextTimes(
  { api, printer }: Context,
  [name]: readonly (string | undefined)[],
  flags: Flags,
): Promise<undefined> {
  const count = countOf(flags, 'count', '--count') ?? 5;
  const cron = textOf(flags, 'cron');
  if ((name === undefined) === (cron === undefined))
    throw usage(
      'it is not clear whose times are wanted',
      'exactly one of a schedule and --cron is needed',
      "use `sally schedule next NAME`, or `sally schedule next --cron '0 7 * * *' --time-zone Europe/Berlin`",
    );
  const asked = textOf(flags, 'timeZone');
  if (name !== undefined && asked !== undefined)
    throw usage('--time-zone does not go with a schedule', 'it has a zone of its own', 'leave one of the two out');
  const { times } =
    name === undefined
      ? await api.send<Times>('POST', '/v1/schedules:preview', {
          cron,
          count,
          ...(asked === undefined ? {} : { time_zone: asked }),
        })
      : await api.get<Times>(`${at(name)}/times`, { count });
  const zone = name === undefined || printer.isData ? (asked ?? 'UTC') : (await api.get<Schedule>(at(name))).time_zone;
  const columns = [
    { title: `in ${zone}`, of: (time: string) => zoned(time, zone) },
    ...(zone === 'UTC' ? [] : [{ title: 'in UTC', of: (time: string) => zoned(time, 'UTC') }]),
  ];
  await printer.list(times, { name: (time) => time, columns, empty: 'it does not fire' }, { times });
  return undefined;
}

interface Times {
  readonly times: readonly string[];
}

const at = (name: string): string => `/v1/schedules/${encodeURIComponent(name)}`;
