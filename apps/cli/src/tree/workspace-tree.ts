/** `workspace`. */

import type { Command } from 'commander';
import { type Bind, group, lazy, repeat } from './bind.ts';

export function workspaceCommands(program: Command, bind: Bind): void {
  const workspaces = group(program, 'workspace', 'git folders that agents work on');
  const load = () => import('../commands/workspaces.ts');
  bind(
    workspaces
      .command('create <name>')
      .description('make a workspace with a first commit')
      .option('--file <path=local>', 'a file of the first commit; may be repeated', repeat),
    lazy(async () => (await load()).createWorkspace),
  );
  bind(
    workspaces
      .command('import <name> <source>')
      .description('make a workspace of any git repository, by path or URL')
      .option('--ref <ref>', 'branch to take; HEAD when absent'),
    lazy(async () => (await import('../commands/workspace-import.ts')).importWorkspace),
  );
  bind(
    workspaces.command('ls').description('list workspaces'),
    lazy(async () => (await load()).listWorkspaces),
  );
  bind(
    workspaces.command('get <name>').description('show a workspace'),
    lazy(async () => (await load()).getWorkspace),
  );
  const content = () => import('../commands/workspace-content.ts');
  bind(
    workspaces
      .command('files <name> [path]')
      .description('list a tree, or print a file')
      .option('--commit <id>', 'at this commit')
      .option('-r, --recursive', 'the whole tree')
      .option('--raw', 'bytes as they are, control characters included'),
    lazy(async () => (await content()).listFiles),
  );
  bind(
    workspaces
      .command('log <name>')
      .description('the commits, newest first')
      .option('-n, --limit <count>', 'at most so many', '50'),
    lazy(async () => (await content()).showLog),
  );
  bind(
    workspaces
      .command('diff <name>')
      .description('a unified diff')
      .option('--from <commit>', 'the first parent of --to when absent')
      .option('--to <commit>', 'the head when absent')
      .option('--raw', 'bytes as they are, control characters included'),
    lazy(async () => (await content()).showDiff),
  );
  bind(
    workspaces
      .command('undo <name>')
      .description('restore the tree before a commit, as a new commit')
      .option('--commit <id>', 'the head when absent'),
    lazy(async () => (await load()).undoCommit),
  );
  bind(
    workspaces.command('export <name> [file]').description('the whole history as a git bundle; - is standard output'),
    lazy(async () => (await content()).exportBundle),
  );
}
