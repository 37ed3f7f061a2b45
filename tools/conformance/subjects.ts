/** Who is put to the scenarios: each coding agent by its own runner, and those that speak the Agent Client Protocol by `acp` too. */

import { codingAgentOf, codingAgents } from '@sallyport/core/coding-agents';

/** One column of the table. */
export interface Subject {
  readonly name: string;
  readonly runner: string;
  /** Command of the run; only `acp` takes one. */
  readonly argv: readonly string[];
  /** What its model speaks, as a role spells it. */
  readonly dialect: string;
}

const dialectOf = (runner: string): string =>
  codingAgentOf(runner)?.dialects[0]?.replace('DIALECT_', '').toLowerCase() ?? '';

const overAcp = (agent: string, argv: readonly string[]): Subject => ({
  name: `acp ${agent}`,
  runner: 'acp',
  argv,
  dialect: dialectOf(agent),
});

export const subjects: readonly Subject[] = [
  ...codingAgents.map(({ runner }) => ({ name: runner, runner, argv: [], dialect: dialectOf(runner) })),
  overAcp('gemini', ['gemini', '--acp']),
  overAcp('opencode', ['opencode', 'acp']),
];

/** Whom `npm run test:wide` asks: all of them by their own runners, and one over the protocol. */
export const usualSubjects = subjects.filter(({ name }) => name !== 'acp opencode');
