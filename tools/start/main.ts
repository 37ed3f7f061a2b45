/** `npm start`: the whole product on one machine, with the demo dispatch in front of the person. */

import { relative } from 'node:path';
import { Fault } from '@sallyport/core/fault';
import { buildAll } from '../build/build.ts';
import { runDemo } from './demo.ts';
import { findSubstrates } from './docker.ts';
import { heldLimits } from './limits.ts';
import { assertNamespaces } from './namespaces.ts';
import { defaultData, parseOptions, repository, type StartOptions, usage } from './options.ts';
import type { Rest } from './rest.ts';
import { seed } from './seed.ts';
import { type Stack, startStack } from './stack.ts';

const out = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const note = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Exit codes of the CLI conventions: 2 usage, 3 missing prerequisite, 6 conflict, 1 anything else. */
const exitCodes: Readonly<Record<string, number>> = {
  'start.usage': 2,
  'start.running': 6,
  'start.port_taken': 6,
  'start.bucket_behind': 6,
  'start.isolation': 3,
  'start.docker': 3,
  'start.clone_unwritable': 3,
  'bus.nats_missing': 3,
  'store.postgres_missing': 3,
};

/** Bundles go into the clone; a clone of somebody else's is the one thing a person can mend. */
async function build(): Promise<boolean> {
  try {
    return await buildAll();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'EACCES' && code !== 'EROFS') throw error;
    throw new Fault(
      'failed_precondition',
      'start.clone_unwritable',
      `the bundles in ${repository}dist are not up to date and this user may not write them (${code}); clone into a folder of your own, or give this one to the user who starts`,
      {},
      { cause: error },
    );
  }
}

async function run(options: StartOptions): Promise<number> {
  const started = performance.now();
  const substrates = await findSubstrates(process.env, note);
  // bubblewrap makes no sandbox of a stack whose agents run in Docker.
  if (substrates.usual === 'process') assertNamespaces();
  if (await build()) note(`bundles built in ${seconds(performance.now() - started)}`);
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve('interrupted'));
  });
  const listener = {
    step: (name: string, tookMs: number) => note(`  ${name.padEnd(10)} ${seconds(tookMs)}`),
    restarted: (name: string, why: string) => note(`${name} ended (${why}); starting it again`),
    noted: note,
  };
  const stack = await startStack(options, listener, { substrates: substrates.env });
  try {
    const { profile, notes } = await heldLimits(substrates.usual);
    const rest = await seed(stack, profile);
    note(`ready in ${seconds(performance.now() - started)}`);
    for (const line of [...substrates.notes, ...notes]) note(line);
    return await serve(stack, rest, options, interrupted);
  } finally {
    await stack.stop();
  }
}

async function serve(
  stack: Stack,
  rest: Rest,
  options: StartOptions,
  interrupted: Promise<'interrupted'>,
): Promise<number> {
  let result = 0;
  if (options.demo) {
    const demo = await Promise.race([runDemo(rest, out), interrupted]);
    if (demo === 'interrupted') return 130;
    result = demo ? 0 : 1;
  }
  out('');
  out(`API    ${stack.url}`);
  out(`Token  ${relative(process.cwd(), stack.layout.token) || stack.layout.token}`);
  out(`Next   npx sally run create demo --task "Report again" --wait${whereFlags(stack)}`);
  process.send?.({ ready: stack.url, pids: stack.pids() });
  if (options.once) return result;
  process.on('message', (message) => {
    if (message === 'pids') process.send?.({ pids: stack.pids() });
  });
  await interrupted;
  note('stopping ...');
  return 0;
}

/** What the CLI has to be told when it cannot find the stack by itself: it looks in `.sally` of the folder it runs in. */
const whereFlags = ({ layout, url }: Stack): string =>
  layout.data === defaultData ? '' : ` --url ${url} --token "$(cat ${layout.token})"`;

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

async function main(): Promise<number> {
  process.chdir(repository);
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    out(usage);
    return 0;
  }
  return run(options);
}

try {
  process.exit(await main());
} catch (error) {
  const fault = Fault.from(error);
  note(
    `\nSallyport could not start: ${fault.code === 'internal' && error instanceof Error ? (error.stack ?? error.message) : fault.message}`,
  );
  process.exit(exitCodes[fault.reason] ?? 1);
}
