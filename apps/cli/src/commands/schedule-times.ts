/** `schedule history`, `schedule next`. */

import type { Firing } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { usage } from '../failure.ts';
import { countOf, type Flags, textOf } from '../flags.ts';
import { firingView } from './schedule-views.ts';

export async function listFirings(
  { api, printer }: Context,
  [name = '']: readonly (string | undefined)[],
  flags: Flags,
): Promise<undefined> {
  const most = countOf(flags, 'limit', '--limit') ?? 50;
  const path = `/v1/schedules/${encodeURIComponent(name)}/firings`;
  await printer.list(await api.all<Firing>(path, { limit: Math.min(200, most) }, most), firingView);
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
  const zone = textOf(flags, 'timeZone');
  const { times } =
    name === undefined
      ? await api.send<{ times: readonly string[] }>('POST', '/v1/schedules:preview', {
          cron,
          count,
          ...(zone === undefined ? {} : { time_zone: zone }),
        })
      : await api.get<{ times: readonly string[] }>(`/v1/schedules/${encodeURIComponent(name)}/times`, { count });
  await printer.list(times, { name: (time) => time, columns: [{ title: 'time', of: (time) => time }] }, { times });
  return undefined;
}
