/**
 * `npm test` and `npm run test:wide`: checks, specs, and one closing line over everything that ran.
 *
 * A check that fails counts as one failed test. Under `CI=true` a skipped test is a failure.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildAll } from '../build/build.ts';
import { repository } from './options.ts';

interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numRuntimeErrorTestSuites: number;
}

const checks = ['types', 'lint', 'format', 'layers', 'contracts'] as const;
const wide = process.argv.includes('--wide');
const paths = process.argv.slice(2).filter((argument) => argument !== '--wide');

function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): boolean {
  return (
    spawnSync(command, [...args], {
      cwd: repository,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
    }).status === 0
  );
}

function runChecks(): Count {
  const targets = checks.map((name) => `check-${name}`);
  const nx = ['nx', 'run-many', '-p', 'sallyport', '-t', ...targets, '--outputStyle=static', '--nxBail=false'];
  if (run('npx', nx, { NX_DAEMON: 'false' })) return { passed: checks.length, failed: 0, skipped: 0 };
  // The run says which failed; here each is asked alone, from nx's cache, to count them.
  const ok = targets.filter(
    (target) =>
      spawnSync('npx', ['nx', 'run', `sallyport:${target}`], {
        cwd: repository,
        stdio: 'ignore',
        env: { ...process.env, NX_DAEMON: 'false' },
      }).status === 0,
  );
  return { passed: ok.length, failed: targets.length - ok.length, skipped: 0 };
}

function runSpecs(): Count {
  const directory = mkdtempSync(join(tmpdir(), 'sally-jest-'));
  const report = join(directory, 'report.json');
  const args = [
    '--experimental-vm-modules',
    '--no-warnings',
    'node_modules/jest/bin/jest.js',
    '--json',
    `--outputFile=${report}`,
    '--silent',
    '--forceExit',
    ...paths,
  ];
  const env = { ...(wide ? { SALLY_TESTS: 'wide' } : {}), SALLY_TEST_NODE: process.execPath };
  const child = spawnSync(process.execPath, args, {
    cwd: repository,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  });
  try {
    const found = JSON.parse(readFileSync(report, 'utf8')) as JestReport;
    return {
      passed: found.numPassedTests,
      failed: found.numFailedTests + found.numRuntimeErrorTestSuites,
      skipped: found.numPendingTests + found.numTodoTests,
    };
  } catch {
    process.stderr.write(`the specs could not be run (exit ${child.status})\n`);
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

process.chdir(repository);
await buildAll();
const counts = [...(wide || paths.length > 0 ? [] : [runChecks()]), runSpecs()];
const total = counts.reduce((sum, each) => ({
  passed: sum.passed + each.passed,
  failed: sum.failed + each.failed,
  skipped: sum.skipped + each.skipped,
}));
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode =
  total.failed > 0 || total.passed === 0 || (process.env['CI'] === 'true' && total.skipped > 0) ? 1 : 0;
