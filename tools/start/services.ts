/** The services of one machine as a table: entry, environment, what each may know. */

import { join } from 'node:path';
import type { Caller } from '@sallyport/core/access';
import type { BucketSettings } from '@sallyport/store/bucket';
import { bucketEnv } from './bucket.ts';
import { type Layout, visibleFile } from './layout.ts';
import { repository, type StartOptions } from './options.ts';
import type { ProcessSpec } from './process.ts';
import type { Secrets } from './secrets.ts';

/** Every service, in the order in which a person reads them. They start together: each waits for what it needs. */
export const services = [
  'identity',
  'audit',
  'workspace',
  'egress',
  'scheduler',
  'runtime',
  'api',
] as const satisfies readonly Caller[];

export type ServiceName = (typeof services)[number];

export interface Surroundings {
  readonly layout: Layout;
  readonly secrets: Secrets;
  readonly options: StartOptions;
  readonly natsUrl: string;
  readonly bucket: BucketSettings;
  /** What the runtime is told of the substrates of this machine. */
  readonly substrates: Readonly<Record<string, string>>;
  databaseUrl(service: Caller): string;
}

/** What a service is told beyond the common variables. */
const own: Readonly<Record<ServiceName, (around: Surroundings) => Readonly<Record<string, string>>>> = {
  identity: ({ secrets }) => ({ SALLY_IDENTITY_KEK_FILE: secrets.keyFile('identity.kek') }),
  audit: ({ layout }) => ({ SALLY_AUDIT_KEY_FILE: join(layout.secrets, 'audit-log.key') }),
  workspace: ({ layout, secrets, bucket }) => ({
    SALLY_ROOT_KEY_FILE: secrets.keyFile('workspace-root.key'),
    SALLY_WORKSPACE_DIR: layout.workspace,
    ...bucketEnv(bucket),
  }),
  egress: ({ layout }) => ({
    SALLY_EGRESS_SOCKET: egressSocket(layout),
    SALLY_EGRESS_CREDENTIALS_DIR: layout.credentials,
  }),
  scheduler: ({ secrets }) => ({ SALLY_SCHEDULER_KEK_FILE: secrets.keyFile('scheduler.kek') }),
  runtime: ({ layout, substrates }) => ({
    ...substrates,
    ...fromMachine(['SALLY_RUNTIME_CAPACITY', 'SALLY_RUNTIME_OWNER_QUOTA']),
    SALLY_RUNTIME_DIR: layout.runtime,
    SALLY_EGRESS_SOCKET: egressSocket(layout),
    SALLY_AGENT_BUNDLE: visibleFile(join(repository, 'dist', 'agent', 'agent.mjs'), layout.runtime, 'agent.mjs'),
    SALLY_RUNNERS_DIR: layout.runners,
    SALLY_NODE: visibleFile(process.execPath, layout.runtime, 'node'),
  }),
  api: ({ options }) => ({
    SALLY_API_HOST: options.host,
    SALLY_API_PORT: String(options.port),
    SALLY_API_DOCS: join(repository, 'docs'),
  }),
};

const egressSocket = (layout: Layout): string => join(layout.run, 'egress.sock');

/** Services without a schema get no database URL at all. */
const withoutDatabase: ReadonlySet<ServiceName> = new Set(['runtime', 'api']);

/** Variables of the machine that a service may need; nothing else is inherited. */
const inherited = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'SALLY_LOG_LEVEL'] as const;

/** Those of these variables that are set. */
const fromMachine = (names: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );

/** How one service is started. */
export function processSpec(name: ServiceName, around: Surroundings): ProcessSpec {
  const { layout, secrets } = around;
  return {
    name,
    argv: [join(repository, 'dist', 'services', `${name}.mjs`)],
    env: {
      ...fromMachine(inherited),
      NODE_COMPILE_CACHE: join(layout.data, 'compile-cache'),
      SALLY_NATS_URL: around.natsUrl,
      SALLY_NATS_SEED_FILE: secrets.seedFile(name),
      SALLY_HEALTH: `unix:${join(layout.run, `${name}.health`)}`,
      ...(withoutDatabase.has(name) ? {} : { SALLY_DATABASE_URL: around.databaseUrl(name) }),
      ...own[name](around),
    },
    log: join(layout.logs, `${name}.log`),
    verbose: around.options.verbose,
  };
}
