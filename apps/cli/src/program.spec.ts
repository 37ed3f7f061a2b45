import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { exit, exitOfRun, exitOfStatus } from './exit.ts';
import { commands } from './program.ts';
import { examplesOf } from './tree/examples.ts';

const page = readFileSync(new URL('../../../docs/reference/cli.md', import.meta.url), 'utf8');

function leaves(command: Command, path: readonly string[] = []): string[] {
  if (command.commands.length === 0) return [path.join(' ')];
  return command.commands.flatMap((child) => leaves(child, [...path, child.name()]));
}

describe('the command tree', () => {
  test('is the one the reference lists', () => {
    const listed = [...page.matchAll(/^\| `([a-z ]+)` \|/gm)].flatMap(([, name]) => name ?? []);
    expect(leaves(commands([], () => undefined)).sort()).toEqual(listed.sort());
  });

  test('describes every command and every option', () => {
    const silent: string[] = [];
    const visit = (command: Command): void => {
      if (command.description() === '') silent.push(command.name());
      for (const option of command.options)
        if (option.description === '') silent.push(`${command.name()} ${option.flags}`);
      command.commands.forEach(visit);
    };
    visit(commands([], () => undefined));
    expect(silent).toEqual([]);
  });
});

/** Words of a command line as a shell splits them. */
const words = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, double, single, bare]) => double ?? single ?? bare ?? '');

describe('the examples of --help', () => {
  test.each(['', ...leaves(commands([], () => undefined))])('%s has some, and each is a command line', async (path) => {
    const lines = examplesOf(path);
    expect(lines).not.toEqual([]);
    for (const line of lines) {
      expect(line.startsWith(path)).toBe(true);
      const ran: string[] = [];
      const said: string[] = [];
      const program = commands(said, (command) => {
        command.option('-o, --output <form>').action(() => void ran.push(command.name()));
      });
      const [own = ''] = line.split(' -- ');
      await program.parseAsync(words(own), { from: 'user' });
      expect(ran).toHaveLength(1);
    }
  });
});

describe('an exit code', () => {
  test('is one the reference lists', () => {
    const listed = [...page.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
    expect(Object.values(exit)).toEqual(listed);
  });

  test.each([
    [400, exit.usage],
    [401, exit.forbidden],
    [403, exit.forbidden],
    [404, exit.notFound],
    [409, exit.conflict],
    [412, exit.conflict],
    [413, exit.usage],
    [422, exit.usage],
    [429, exit.conflict],
    [500, exit.unreachable],
    [503, exit.unreachable],
  ])('of status %i is %i', (status, code) => {
    expect(exitOfStatus(status)).toBe(code);
  });

  test('of a run is told by its verdict first, then by its state', () => {
    expect(exitOfRun({ state: 'completed', verdict: 'succeeded' })).toBe(exit.ok);
    expect(exitOfRun({ state: 'failed', verdict: 'budget_exhausted' })).toBe(exit.budget);
    expect(exitOfRun({ state: 'failed' })).toBe(exit.runFailed);
  });
});
