/** `runner ls`, `probe`. */

import type { Runner } from '../client/resources.ts';
import type { Context } from '../context.ts';
import { exit } from '../exit.ts';
import { Failure } from '../failure.ts';
import { visibleLine } from '../output/visible.ts';
import { runnerView } from './views.ts';

export async function listRunners({ api, printer }: Context): Promise<undefined> {
  await printer.list(await api.all<Runner>('/v1/runners'), runnerView);
  return undefined;
}

export async function probeRunner(
  { api, printer }: Context,
  [name = '']: readonly (string | undefined)[],
): Promise<number> {
  const all = await api.all<Runner>('/v1/runners');
  const found = all.filter(({ runner }) => runner === name);
  if (found.length === 0) {
    const known = [...new Set(all.map(({ runner }) => runner))].join(', ');
    const why = known === '' ? 'no edge is heard' : `the edges know ${known}`;
    throw Failure.of(
      exit.notFound,
      'cli.runner_unknown',
      `no edge knows ${name}`,
      why,
      'see them with `sally runner ls`',
    );
  }
  if (printer.isData) await printer.list(found, runnerView);
  else for (const runner of found) show(printer, runner);
  return found.some(({ missing }) => missing.length === 0) ? exit.ok : exit.prerequisite;
}

function show(
  printer: Context['printer'],
  { runner, edge, backend, version, features, missing, remedy }: Runner,
): void {
  const state = missing.length === 0 ? printer.paint('green', 'ready') : printer.paint('red', 'missing');
  printer.line(
    `${state}  ${visibleLine([runner, version, `on ${edge} (${backend})`].filter((part) => part !== '').join(' '))}`,
  );
  printer.line(`       features: ${visibleLine(features.join(', '))}`);
  if (missing.length > 0) printer.line(`       missing: ${visibleLine(missing.join(', '))}`);
  if (remedy !== '') printer.line(`       next: ${visibleLine(remedy)}`);
}
