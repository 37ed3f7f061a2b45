/** `audit verify`: the offline verifier over a bundle, and nothing else. */

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from '@sallyport/audit-verify/report';
import { type Report, verifyBundle } from '@sallyport/audit-verify/verify-bundle';
import type { Context } from '../context.ts';
import { exit } from '../exit.ts';
import { Failure, usage } from '../failure.ts';
import { type Flags, readText, textOf } from '../flags.ts';
import { fetchTo } from './download.ts';

const view = {
  name: (report: Report) => report.bundle,
  columns: [
    { title: 'verdict', of: (report: Report) => report.verdict },
    { title: 'events', of: (report: Report) => report.size },
    { title: 'root', of: (report: Report) => report.root },
  ],
};

export async function verifyAudit(
  context: Context,
  [file]: readonly (string | undefined)[],
  flags: Flags,
): Promise<number> {
  if (file !== undefined) return judge(context, file, flags);
  const folder = await mkdtemp(join(tmpdir(), 'sally-audit-'));
  try {
    const bundle = join(folder, 'audit.tar');
    await fetchTo(context, '/v1/audit/export', bundle);
    return await judge(context, bundle, flags);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function judge({ printer }: Context, file: string, flags: Flags): Promise<number> {
  if (!existsSync(file))
    throw usage(`${file} cannot be read`, 'there is no such file', 'make one with `sally audit export FILE`');
  const key = textOf(flags, 'logKey');
  const since = textOf(flags, 'since');
  const report = verifyBundle(file, {
    ...(key === undefined ? {} : { logKey: key.includes('+') ? key : readText(key) }),
    ...(since === undefined ? {} : { since: readText(since) }),
  });
  if (report.verdict === 'ok') {
    await printer.one(report, view, () => describe(report).split('\n'));
    return exit.ok;
  }
  if (printer.format === 'table') {
    describe(report)
      .split('\n')
      .forEach((line) => printer.line(line));
    return exit.runFailed;
  }
  const [first] = report.findings;
  const problem = {
    type: '/problems/cli.audit_verdict',
    title: 'The bundle does not verify',
    detail: `${report.verdict}; keep the bundle and compare it with another`,
    code: 'cli.audit_verdict',
    report,
  };
  throw new Failure(
    exit.runFailed,
    problem,
    first === undefined ? report.verdict : `${first.what}: ${first.file}`,
    'keep the bundle and compare it with another',
  );
}
