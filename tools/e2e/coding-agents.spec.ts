import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { codingAgents, packageOf } from '@sallyport/core/coding-agents';
import { type Said, sally } from './sally.ts';
import { StartedStack } from './started-stack.ts';

let stack: StartedStack;
let folder: string;

/** A stack on a machine without a coding agent. */
beforeAll(async () => {
  stack = await StartedStack.start();
  folder = join(stack.data, 'runners');
  for (const { runner, dialects } of codingAgents) {
    const dialect = dialects[0]?.replace('DIALECT_', '').toLowerCase();
    const provider = { name: 'scripted', dialect, base_url: `http://127.0.0.1:${stack.port + 1}`, model: 'scripted' };
    await stack.rest.put(`/v1/roles/${runner}`, { runner, provider, profile: stack.profile });
  }
});
afterAll(() => stack?.stop());

const run = (role: string): Promise<Said> => sally(stack, 'run', 'create', role, '--task', 'do it', '--wait');
const remedyOf = (agent: (typeof codingAgents)[number]): string => `npm install --prefix ${folder} ${packageOf(agent)}`;

describe('a coding agent that is not installed', () => {
  test.each(codingAgents.map((agent) => [agent.runner, agent] as const))(
    'ends `sally run` of %s with 3 and the one command that installs it, and no run is made',
    async (runner, agent) => {
      const { code, stderr } = await run(runner);
      expect(code).toBe(3);
      expect(stderr).toContain('scheduler.runner_missing');
      expect(stderr).toContain(remedyOf(agent));
      const { items } = await stack.rest.get<{ items: readonly unknown[] }>('/v1/runs');
      expect(items).toEqual([]);
    },
  );

  test.each(codingAgents.map((agent) => [agent.runner, agent] as const))(
    'is what `sally runner probe %s` says, with 3 and the same command',
    async (runner, agent) => {
      const { code, stdout } = await sally(stack, 'runner', 'probe', runner);
      expect(code).toBe(3);
      expect(stdout).toContain(remedyOf(agent));
    },
  );

  test('is listed beside what comes with the product', async () => {
    const { code, stdout } = await sally(stack, 'runner', 'ls', '-o', 'jsonl');
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { runner: string; missing: readonly string[] });
    expect(code).toBe(0);
    const ready = rows.filter(({ missing }) => missing.length === 0).map(({ runner }) => runner);
    expect([...new Set(ready)].sort()).toEqual(['acp', 'exec', 'native']);
    expect([...new Set(rows.map(({ runner }) => runner))].sort()).toEqual(
      ['acp', 'exec', 'native', ...codingAgents.map(({ runner }) => runner)].sort(),
    );
  });
});

test('a coding agent is there within seconds of its installation, without a restart', async () => {
  const agent = codingAgents.find(({ runner }) => runner === 'claude-code');
  if (agent === undefined) throw new Error('the table lacks claude-code');
  const package_ = join(folder, 'node_modules', agent.package);
  mkdirSync(package_, { recursive: true });
  mkdirSync(join(folder, 'node_modules', '.bin'), { recursive: true });
  writeFileSync(join(package_, 'package.json'), '{"version":"9.8.7"}');
  writeFileSync(join(package_, 'cli.sh'), '#!/bin/sh\necho "not what was expected"\n', { mode: 0o755 });
  symlinkSync(`../${agent.package}/cli.sh`, join(folder, 'node_modules', '.bin', agent.program));
  let said = await sally(stack, 'runner', 'probe', agent.runner);
  while (said.code !== 0) said = await sally(stack, 'runner', 'probe', agent.runner);
  expect(said.stdout).toContain('9.8.7');
  // It runs, in a sandbox; what it does is judged by what is seen of it.
  const { code, stdout, stderr } = await run(agent.runner);
  expect(code).toBe(1);
  expect(stdout + stderr).toContain('runner.no_result');
  rmSync(folder, { recursive: true });
});
