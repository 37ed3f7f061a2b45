/** What the commands of an operator have in common: lines on standard output, and an end with the exit code of what went wrong. */

import { Fault } from '@sallyport/core/fault';

export const out = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** Runs a command and exits: 0, the code of its fault's reason, or 1. What nobody foresaw is told with its stack. */
export async function runCommand(
  main: () => Promise<void>,
  exitCodes: Readonly<Record<string, number>>,
): Promise<never> {
  try {
    await main();
    process.exit(0);
  } catch (error) {
    const fault = Fault.from(error);
    const said =
      fault.code === 'internal' && error instanceof Error && !(error instanceof Fault) ? error.stack : fault.message;
    process.stderr.write(`${said ?? fault.message}\n`);
    process.exit(exitCodes[fault.reason] ?? 1);
  }
}
