/** What a runner may know, read from the canonical JSON of `runner.v1.AwaitWorkResponse`, in which a default is left out. */

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

export interface Work {
  readonly runner: string;
  readonly argv: readonly string[];
  readonly start: Start;
  readonly persona: string;
  readonly tools: readonly string[];
  readonly mounts: readonly Mount[];
  readonly session: string;
  readonly modelUrl: string;
  readonly model: string;
  /** Name of the `unit.v1.Dialect` value. */
  readonly dialect: string;
  /** Model turns allowed; 0 leaves it to the runner. */
  readonly turns: number;
  readonly directory: string;
}

type Json = Readonly<Record<string, unknown>>;

const record = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const texts = (value: unknown): string[] => list(value).map(text);

function startOf(value: unknown): Start {
  const { inline, path, session } = record(value);
  if (typeof inline === 'string') return { inline };
  if (typeof path === 'string') return { path };
  return typeof session === 'string' ? { session } : {};
}

/** Never fails: a field of a wrong shape counts as its default. */
export function workOf(answer: unknown): Work {
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
    turns: typeof json['turns'] === 'number' ? json['turns'] : 0,
    directory: text(json['directory']) || '/tmp',
  };
}
