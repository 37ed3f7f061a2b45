/**
 * What a coding agent's runner is made of: a descriptor, which is data, and a small adapter of four functions. Everything that
 * must hold for each of them (processes, lines, clocks, files, verdict) is in the framework around it.
 */

import type { CodingAgent } from '@sallyport/core/coding-agents';
import type { AgentEvent } from '../../event.ts';
import type { Mount } from '../../work.ts';
import type { Exit } from '../process-group.ts';
import type { Closing } from './evidence.ts';

/** One turn as a coding agent's command line needs to know it. */
export interface Turn {
  /** What is asked, UTF-8. */
  readonly prompt: string;
  /** Our name of the conversation. */
  readonly session: string;
  readonly model: string;
  /** Base URL without a trailing slash; no key is needed behind it. */
  readonly modelUrl: string;
  /** Model turns allowed; 0 leaves it to the program. */
  readonly turns: number;
  /** Tools of the role, by our names or the program's own; empty allows all of them. */
  readonly tools: readonly string[];
  readonly mounts: readonly Mount[];
  readonly directory: string;
  /** HOME of the program: fresh, and removed afterwards. */
  readonly home: string;
  /** The program's own id of the conversation to go on with. */
  readonly native: string | undefined;
}

/** A file below HOME; its path has no `..`. */
export interface HomeFile {
  readonly path: string;
  readonly data: string | Uint8Array;
  /** Usually 0600. */
  readonly mode?: number;
}

export interface CliCommand {
  /** Arguments after the program. */
  readonly args: readonly string[];
  /** Beyond what every program gets. */
  readonly env: Readonly<Record<string, string>>;
  /** Written into HOME before the start. */
  readonly files: readonly HomeFile[];
  /** Written to its stdin, which then is closed, or stays open for answers until its closing word. Without it the program reads nothing. */
  readonly stdin?: { readonly text: string; readonly open: boolean };
}

/** What one line of output says. */
export interface Reading {
  readonly events: readonly AgentEvent[];
  /** The program's own id of the conversation. */
  readonly native?: string;
  /** Last whole message so far. */
  readonly reply?: string;
  /** The program's closing word for the turn. */
  readonly closing?: Closing;
  /** Calls of tools that were refused rather than run. */
  readonly denied?: readonly string[];
  /** Said afterwards only: whether the last call was refused. */
  readonly refusedLast?: boolean;
  /** Lines to write to its stdin, without their ends. */
  readonly answer?: readonly string[];
}

/** A JSON object a program printed. */
export type Line = Readonly<Record<string, unknown>>;

/** Reads one turn's lines in order; answers undefined for a kind it does not know. Never throws on a shape it did not expect. */
export type Reader = (line: Line) => Reading | undefined;

/** Which files below HOME make up a conversation. */
export interface Kept {
  /** Folder below HOME that holds them all. */
  readonly folder: string;
  /** Whether the file at this path, relative to HOME, belongs to the conversation. */
  readonly keeps: (path: string, native: string) => boolean;
  /** Where a kept file goes when the conversation goes on in this turn; its own path when it does not depend on the turn. */
  readonly place?: (path: string, turn: Turn) => string;
  /** Brings what a program that has ended left in HOME into the files that are kept. */
  readonly gather?: (home: string) => Promise<void>;
  /** Makes restored files this turn's own; they are in HOME. */
  readonly adopt?: (turn: Turn) => Promise<void>;
}

export interface Adapter {
  readonly agent: CodingAgent;
  /** File below HOME that the program reads standing instructions from. */
  readonly instructions: string;
  readonly session: Kept;
  command(turn: Turn): CliCommand;
  reader(turn: Turn): Reader;
  /** What the files of HOME tell once the program has ended, where its lines do not. */
  afterwards?(turn: Turn): Promise<Reading>;
  /** What the program's exit adds to its closing word, where its exit codes say more than its lines. */
  closing?(closing: Closing | undefined, exit: Exit): Closing | undefined;
}
