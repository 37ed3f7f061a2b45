/** `doctor`: this machine and the running stack, each check with its cause and the next command. */

import { existsSync } from 'node:fs';
import type { Context } from '../context.ts';
import { type CheckState, type Finding, warn } from '../doctor/check.ts';
import {
  checkBubblewrap,
  checkCgroup,
  checkDisk,
  checkGit,
  checkNats,
  checkNode,
  checkSandbox,
  checkTools,
} from '../doctor/machine-checks.ts';
import { checkPort, checkStack } from '../doctor/stack-checks.ts';
import { exit } from '../exit.ts';
import type { Colour } from '../output/style.ts';
import { visibleLine } from '../output/visible.ts';

const colours: Readonly<Record<CheckState, Colour>> = { ok: 'green', warn: 'yellow', fail: 'red' };

export async function doctor(context: Context): Promise<number> {
  const findings = await examine(context);
  const { printer } = context;
  const hasFailed = findings.some(({ state }) => state === 'fail');
  const view = {
    name: (finding: Finding) => finding.name,
    columns: [
      { title: 'check', of: (finding: Finding) => finding.name },
      { title: 'state', of: (finding: Finding) => finding.state },
    ],
  };
  if (printer.isData) await printer.list(findings, view, { status: hasFailed ? 'fail' : 'ok', checks: findings });
  else for (const finding of findings) show(context, finding);
  return hasFailed ? exit.prerequisite : exit.ok;
}

async function examine({ api }: Context): Promise<Finding[]> {
  const folder = existsSync('.sally') ? '.sally' : '.';
  const machine = [
    checkNode(),
    checkGit(),
    checkNats(),
    checkBubblewrap(),
    checkTools(),
    checkSandbox(),
    checkCgroup(),
    checkDisk(folder),
  ];
  const { finding, isApi } = await checkPort(api);
  const stack = isApi
    ? await checkStack(api)
    : [warn('stack', 'not running', `nothing of it answers at ${api.connection.url}`, 'npm start')];
  return [...machine, finding, ...stack];
}

function show({ printer }: Context, { name, state, found, cause, next }: Finding): void {
  printer.line(
    `${printer.paint(colours[state], state.padEnd(4))}  ${visibleLine(name).padEnd(16)} ${visibleLine(found)}`,
  );
  if (cause !== '') printer.line(`      why: ${visibleLine(cause)}`);
  if (next !== '') printer.line(`      next: ${visibleLine(next)}`);
}
