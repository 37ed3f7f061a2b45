/** What a part of the command tree is made with. */

import type { Command } from 'commander';
import type { Context } from '../context.ts';

/** What a command does; the code it answers, or 0. */
export type Action = (
  context: Context,
  args: readonly (string | undefined)[],
  flags: Record<string, unknown>,
) => Promise<number | undefined>;

/** Gives a command the common flags and its action. */
export type Bind = (command: Command, action: Action) => void;

/** A command whose code is loaded when it runs. */
export const lazy =
  (load: () => Promise<Action>): Action =>
  async (...given) =>
    (await load())(...given);

/** An option that may be given more than once. */
export const repeat = (value: string, before: string[] = []): string[] => [...before, value];

export function group(program: Command, name: string, description: string): Command {
  return program.command(name).description(description).exitOverride();
}
