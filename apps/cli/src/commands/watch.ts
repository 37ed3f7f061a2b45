/** `run watch`: a run as it happens, as a timeline for people or as one event a line for programs. */

import type { Run } from '../client/resources.ts';
import { eventOf, follow } from '../client/stream.ts';
import type { Context } from '../context.ts';
import { showDuration } from '../duration.ts';
import { exit, exitOfRun } from '../exit.ts';
import { type Flags, isSet } from '../flags.ts';
import { visible } from '../output/visible.ts';
import { Timeline } from '../timeline/timeline.ts';
import { runView } from './views.ts';

export interface FollowHow {
  /** Exit by the run's result rather than by whether it could be followed. */
  readonly byResult: boolean;
  readonly verbose: boolean;
}

export const watchRun = (context: Context, [id = '']: readonly (string | undefined)[], flags: Flags): Promise<number> =>
  followRun(context, id, { byResult: isSet(flags, 'exitStatus'), verbose: isSet(flags, 'verbose') });

/** Follows a run to its end. Only `jsonl` shows events to programs; the other forms show the run as it ended. */
export async function followRun(context: Context, id: string, how: FollowHow): Promise<number> {
  const { printer } = context;
  const timeline = new Timeline({ paint: printer.paint, width: printer.width, verbose: how.verbose });
  for await (const message of follow(context.api, `/v1/runs/${encodeURIComponent(id)}/events`, {}, undefined)) {
    if (message.event === 'end') {
      if (printer.format === 'table') for (const line of timeline.close()) printer.line(line);
      return finish(context, JSON.parse(message.data) as Run, how);
    }
    if (printer.format === 'jsonl') printer.line(message.data);
    if (printer.format !== 'table') continue;
    const event = eventOf(message);
    for (const line of event === undefined ? [] : timeline.push(event)) printer.line(line);
  }
  return exit.unreachable;
}

/** The last word on a run that is over. */
export async function finish(context: Context, run: Run, how: FollowHow): Promise<number> {
  const { printer } = context;
  if (printer.format === 'table') printer.line(summary(run));
  else if (printer.format !== 'jsonl') await printer.one(run, runView(Date.now()));
  return how.byResult ? exitOfRun(run) : exit.ok;
}

/** One line that says how it ended. */
function summary(run: Run): string {
  const took =
    run.created_at === undefined || run.ended_at === undefined
      ? ''
      : ` in ${showDuration(Date.parse(run.ended_at) - Date.parse(run.created_at))}`;
  const why = run.state === 'completed' ? '' : `: ${run.message === '' ? run.reason : run.message}`;
  return visible(`${run.id} ${run.state}${took}${why}`);
}
