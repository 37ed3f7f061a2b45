/** The agent that a command names: one whose configuration we know, or any other. */

import { join } from 'node:path';
import type { Adapter, HomeFile, Kept, Turn } from '../cli/adapter.ts';
import { findProgram, programFolder } from '../cli/program.ts';

export interface Agent {
  readonly argv: readonly string[];
  /** Name of the program, without its folder. */
  readonly name: string;
  /** What is known of it, when it is one of the coding agents that have a runner of their own. */
  readonly known: Adapter | undefined;
}

/** What an agent is pointed at its model by. */
export interface Setup {
  readonly env: Readonly<Record<string, string>>;
  readonly files: readonly HomeFile[];
}

const key = 'sallyport-no-key';

/** Variables that clients of each dialect read. */
const variables: Readonly<Record<string, (url: string) => Readonly<Record<string, string>>>> = {
  DIALECT_ANTHROPIC_MESSAGES: (url) => ({ ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: key }),
  DIALECT_OPENAI_CHAT: (url) => ({ OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: key }),
  DIALECT_OPENAI_RESPONSES: (url) => ({ OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: key }),
  DIALECT_GEMINI: (url) => ({ GOOGLE_GEMINI_BASE_URL: url, GEMINI_API_KEY: key }),
};

/** Everything an agent nobody knows left in HOME may belong to its conversation, but for what it can fetch or make again. */
const anything: Kept = {
  folder: '.',
  keeps: (path) => !/(?:^|\/)(?:\.cache|\.npm|node_modules)\//.test(path),
};

/** The agent of a command; undefined when a known one is not installed. */
export async function agentOf(
  [program = '', ...args]: readonly string[],
  adapters: readonly Adapter[],
  runners: string,
): Promise<Agent | undefined> {
  const name = program.split('/').at(-1) ?? '';
  const known = adapters.find((adapter) => adapter.agent.program === program);
  if (known === undefined) return { argv: [program, ...args], name, known };
  const found = await findProgram(runners, known.agent);
  return found === undefined ? undefined : { argv: [...found.argv, ...args], name, known };
}

export const keptOf = ({ known }: Agent): Kept => known?.session ?? anything;

export function setupOf({ known }: Agent, turn: Turn, dialect: string): Setup {
  const { modelUrl, model } = turn;
  const generic = {
    ...(modelUrl !== '' && { ...variables[dialect]?.(modelUrl), SALLY_MODEL_URL: modelUrl, SALLY_MODEL: model }),
  };
  if (known === undefined) return { env: generic, files: [] };
  const { env, files } = known.command(turn);
  return { env: { ...generic, ...env }, files };
}

/** Folders that files are served from: the mounts, the working directory, and what came with the task. */
export const rootsOf = ({ mounts, directory }: Turn, attachments: readonly string[]): string[] => [
  ...mounts.map(({ workspace }) => join('/workspace', workspace)),
  directory,
  ...attachments,
];

/** PATH with the installed agents first. */
export const searchPath = (runners: string, path: string): string => `${programFolder(runners)}:${path}`;
