/** `sally-audit verify`: the offline verifier as a command. */

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describe } from './report.ts';
import { verifyBundle } from './verify-bundle.ts';

const usage = `usage: sally-audit verify DIR|FILE.tar [--log-key VKEY|FILE] [--since CHECKPOINT-FILE] [-o json]
exit codes: 0 ok, 1 usage, 2 tamper, 3 incomplete, 4 policy violation, 5 untrusted key`;

/** Reads an argument that may be a value or the name of a file that holds it. */
function valueOrFile(text: string): string {
  return text.includes('+') ? text : readFileSync(text, 'utf8');
}

function run(argv: readonly string[]): { readonly text: string; readonly exit: number } {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      'log-key': { type: 'string' },
      since: { type: 'string' },
      output: { type: 'string', short: 'o', default: 'text' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [command, path, ...more] = positionals;
  if (values.help === true) return { text: usage, exit: 0 };
  if (command !== 'verify' || path === undefined || more.length > 0 || !['text', 'json'].includes(values.output)) {
    return { text: usage, exit: 1 };
  }
  const report = verifyBundle(path, {
    ...(values['log-key'] === undefined ? {} : { logKey: valueOrFile(values['log-key']) }),
    ...(values.since === undefined ? {} : { since: readFileSync(values.since, 'utf8') }),
  });
  return { text: values.output === 'json' ? JSON.stringify(report) : describe(report), exit: report.exit };
}

try {
  const { text, exit } = run(process.argv.slice(2));
  (exit === 1 ? process.stderr : process.stdout).write(`${text}\n`);
  process.exitCode = exit;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}\n`);
  process.exitCode = 1;
}
