/** What a dispatch is about, read from the canonical JSON of `runner.v1.AwaitWorkResponse`, in which a default is left out. */

import type { SessionFile } from './sessions/session-file.ts';

export interface Mount {
  readonly workspace: string;
  readonly writable: boolean;
}

/** One of the three is set, or none when the runner needs no task. */
export interface Start {
  readonly inline?: string;
  readonly path?: string;
  readonly session?: string;
}

/** A file that comes with the task. */
export interface Attachment {
  readonly name: string;
  readonly data: Uint8Array;
  readonly untrusted: boolean;
}

/** What AwaitWork tells of a dispatch. */
export interface Assignment {
  readonly runner: string;
  readonly argv: readonly string[];
  readonly start: Start;
  readonly persona: string;
  readonly tools: readonly string[];
  readonly mounts: readonly Mount[];
  /** Name of the conversation. */
  readonly session: string;
  readonly modelUrl: string;
  readonly model: string;
  /** Name of the `unit.v1.Dialect` value. */
  readonly dialect: string;
  /** Model turns allowed per input; 0 leaves it to the runner. */
  readonly turns: number;
  readonly directory: string;
  readonly attachments: readonly Attachment[];
  /** Wait for more input when the task is done. */
  readonly stay: boolean;
  /** Seconds without input after which a staying dispatch leaves; 0 or less means never by itself. */
  readonly idleSeconds: number;
  /** Id of the dispatch, and of its first input. */
  readonly dispatch: string;
}

/** What a runner is told for one input. */
export interface Work extends Assignment {
  /** HOME of this dispatch: it exists, was empty at the first input and is gone after the last. */
  readonly home: string;
  /** What is asked now. */
  readonly input: { readonly id: string; readonly text: string };
  /** What to go on from: the last input's, or what an earlier dispatch left. */
  readonly conversation?: SessionFile;
}

type Json = Readonly<Record<string, unknown>>;

const record = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const texts = (value: unknown): string[] => list(value).map(text);
const number = (value: unknown): number => (typeof value === 'number' ? value : 0);

function startOf(value: unknown): Start {
  const { inline, path, session } = record(value);
  if (typeof inline === 'string') return { inline };
  if (typeof path === 'string') return { path };
  return typeof session === 'string' ? { session } : {};
}

/** Never fails: a field of a wrong shape counts as its default. */
export function assignmentOf(answer: unknown): Assignment {
  const json = record(answer);
  return {
    runner: text(json['runner']),
    argv: texts(json['argv']),
    start: startOf(json['start']),
    persona: text(json['persona']),
    tools: texts(json['tools']),
    mounts: list(json['mounts']).map((mount) => ({
      workspace: text(record(mount)['workspace']),
      writable: record(mount)['mode'] === 'MOUNT_MODE_RW',
    })),
    session: text(json['session']),
    modelUrl: text(json['modelUrl']),
    model: text(json['model']),
    dialect: text(json['dialect']) || 'DIALECT_UNSPECIFIED',
    turns: number(json['turns']),
    directory: text(json['directory']) || '/tmp',
    attachments: list(json['attachments']).map((attachment) => ({
      name: text(record(attachment)['name']),
      data: Buffer.from(text(record(attachment)['data']), 'base64'),
      untrusted: record(attachment)['untrusted'] === true,
    })),
    stay: json['stay'] === true,
    idleSeconds: number(json['idleSeconds']),
    dispatch: text(json['dispatch']),
  };
}
