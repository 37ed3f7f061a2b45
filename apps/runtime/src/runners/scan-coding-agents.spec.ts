import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { CodingAgent } from '@sallyport/core/coding-agents';
import { Runners } from './runners.ts';
import { findCodingAgent } from './scan-coding-agents.ts';

const agent: CodingAgent = {
  runner: 'claude-code',
  program: 'claude',
  package: '@anthropic-ai/claude-code',
  version: '2.1.329',
  dialects: [],
  features: [],
};

let prefix: string;

beforeEach(async () => {
  prefix = await mkdtemp(join(tmpdir(), 'runners-'));
});
afterEach(() => rm(prefix, { recursive: true, force: true }));

/** The package as npm leaves it: a manifest, a program, a link to it. */
async function install(version = '2.1.300', mode = 0o755): Promise<void> {
  const folder = join(prefix, 'node_modules', agent.package);
  await mkdir(join(folder, 'bin'), { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ version }));
  await writeFile(join(folder, 'bin', 'claude.exe'), '#!/bin/sh\nexit 1\n');
  await chmod(join(folder, 'bin', 'claude.exe'), mode);
  await link(join('..', agent.package, 'bin', 'claude.exe'));
}

async function link(target: string): Promise<void> {
  const path = join(prefix, 'node_modules', '.bin', 'claude');
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  await symlink(target, path);
}

const remedy = () => `npm install --prefix ${prefix} @anthropic-ai/claude-code@2.1.329`;

describe('findCodingAgent', () => {
  test('tells the version that is there, whichever it is', async () => {
    await install();
    expect(await findCodingAgent(prefix, agent)).toEqual({ version: '2.1.300', missing: [], remedy: '' });
  });

  test('names the package and the one command where nothing is', async () => {
    const found = await findCodingAgent(prefix, agent);
    expect(found).toEqual({ version: '', missing: ['@anthropic-ai/claude-code@2.1.329'], remedy: remedy() });
  });

  test('says what to set on an edge without a folder', async () => {
    expect((await findCodingAgent(undefined, agent)).remedy).toContain('SALLY_RUNNERS_DIR');
  });

  test.each<[string, () => Promise<void>]>([
    ['without its program', () => install().then(() => rm(join(prefix, 'node_modules', '.bin', 'claude')))],
    ['whose program is a link to elsewhere on the host', () => install().then(() => link('/bin/sh'))],
    ['whose program only its owner may run', () => install('2.1.300', 0o700)],
  ])('does not count a package %s', async (_, prepare) => {
    await prepare();
    const found = await findCodingAgent(prefix, agent);
    expect(found.missing).toHaveLength(1);
    expect(found.remedy).toBe(remedy());
  });

  test('takes a manifest that is no JSON for none', async () => {
    await install();
    await writeFile(join(prefix, 'node_modules', agent.package, 'package.json'), 'no');
    expect(await findCodingAgent(prefix, agent)).toMatchObject({ version: '', remedy: remedy() });
  });
});

describe('Runners', () => {
  test('offers what needs nothing, and a coding agent once it is installed, on every backend', async () => {
    const runners = new Runners(prefix, ['process', 'docker']);
    const before = await runners.look('local');
    expect(before.usable).toContain('native');
    expect(before.usable).not.toContain('claude-code');
    expect(await runners.changed('local')).toBe(false);
    await install();
    expect(await runners.changed('local')).toBe(true);
    const after = await runners.look('local');
    expect(after.usable).toContain('claude-code');
    expect(after.descriptions.filter(({ runner }) => runner === 'claude-code')).toMatchObject([
      { backend: 'process', version: '2.1.300', edge: 'local' },
      { backend: 'docker', version: '2.1.300', edge: 'local' },
    ]);
    expect(await runners.changed('local')).toBe(false);
  });
});
