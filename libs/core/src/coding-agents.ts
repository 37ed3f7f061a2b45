/**
 * The coding agents of other makers that a runner drives: which npm package each is, at which version it was tried, and what its
 * model must speak. None is part of this repository or of an image of it; a person installs it.
 */

/** One coding agent. */
export interface CodingAgent {
  /** Name of the runner that drives it, as a unit spells it. */
  readonly runner: string;
  /** Program the package installs. */
  readonly program: string;
  /** npm package, and the version every spec was run against. */
  readonly package: string;
  readonly version: string;
  /** Names of `unit.v1.Dialect` values it can be pointed at. */
  readonly dialects: readonly string[];
  /** Such as `resume`, `stop`, `ask`. */
  readonly features: readonly string[];
}

/** Every coding agent, by name. */
export const codingAgents: readonly CodingAgent[] = [
  {
    runner: 'claude-code',
    program: 'claude',
    package: '@anthropic-ai/claude-code',
    version: '2.1.329',
    dialects: ['DIALECT_ANTHROPIC_MESSAGES'],
    features: ['resume', 'stop', 'ask', 'streaming', 'tools'],
  },
  {
    runner: 'codex',
    program: 'codex',
    package: '@openai/codex',
    version: '0.169.0',
    dialects: ['DIALECT_OPENAI_RESPONSES'],
    features: ['resume', 'stop', 'tools'],
  },
  {
    runner: 'gemini',
    program: 'gemini',
    package: '@google/gemini-cli',
    version: '0.61.0',
    dialects: ['DIALECT_GEMINI'],
    features: ['resume', 'stop', 'streaming', 'tools'],
  },
  {
    runner: 'opencode',
    program: 'opencode',
    package: 'opencode-ai',
    version: '1.18.33',
    dialects: ['DIALECT_OPENAI_CHAT'],
    features: ['resume', 'stop', 'tools'],
  },
];

/** The coding agent a runner drives, or undefined for a runner that needs none. */
export const codingAgentOf = (runner: string): CodingAgent | undefined =>
  codingAgents.find((agent) => agent.runner === runner);

/** What a package manager is told to install. */
export const packageOf = (agent: CodingAgent): string => `${agent.package}@${agent.version}`;
