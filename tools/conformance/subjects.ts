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
  /** Names of the scenarios it is put to; all of them when absent. */
  readonly only?: readonly string[];
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

const overProtocol = ['tool ok', 'tool fails', 'deny', 'ask', '401', '429', 'cut stream', 'non-UTF-8', 'resume'];

/** Whom `npm run test:wide` asks: all of them by their own runners, and one over the protocol, with what it is known to do right. */
export const usualSubjects: readonly Subject[] = subjects
  .filter(({ name }) => name !== 'acp opencode')
  .map((subject) => (subject.runner === 'acp' ? { ...subject, only: overProtocol } : subject));

/** The scenarios of a subject, in order. */
export const scenariosOf = <T extends { readonly name: string }>({ only }: Subject, all: readonly T[]): readonly T[] =>
  all.filter(({ name }) => only?.includes(name) !== false);
