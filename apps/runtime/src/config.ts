/** What the runtime is told by its environment. */

import { z } from 'zod';
import { backendKinds } from './backends/backend.ts';
import { isPinned } from './backends/docker/image-name.ts';

export const runtimeEnv = z.object({
  /** Name of this edge, as the scheduler leases to it. */
  SALLY_EDGE: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/)
    .default('local'),
  /** Folder of journals, sandboxes and mounts; 0700, absolute. */
  SALLY_RUNTIME_DIR: z.string().startsWith('/'),
  /** Egress's Unix socket. */
  SALLY_EGRESS_SOCKET: z.string().startsWith('/'),
  /** The supervisor every sandbox starts with. */
  SALLY_AGENT_BUNDLE: z.string().startsWith('/'),
  /** Node binary of the sandboxes. */
  SALLY_NODE: z.string().startsWith('/'),
  /** npm prefix of the coding agents of this machine, seen by sandboxes as `/opt/runners`; without it there are none. */
  SALLY_RUNNERS_DIR: z.string().startsWith('/').optional(),
  /** What a profile stands on that names no substrate. */
  SALLY_BACKEND: z.enum(backendKinds).default('process'),
  /** Socket of the container engine. */
  SALLY_DOCKER_HOST: z.string().startsWith('unix:///').default('unix:///var/run/docker.sock'),
  /** The sandbox image: an id or a repository with a digest. A tag may mean anything tomorrow and is refused. */
  SALLY_DOCKER_IMAGE: z.string().refine(isPinned, 'takes sha256:... or name@sha256:..., no tag').optional(),
  /** Live workloads of this edge. */
  SALLY_RUNTIME_CAPACITY: z.coerce.number().int().min(1).max(1024).default(32),
  /** Live workloads of one principal; 0 means none. */
  SALLY_RUNTIME_OWNER_QUOTA: z.coerce.number().int().min(0).max(1024).default(32),
  /** Seconds between SIGTERM and SIGKILL. */
  SALLY_RUNTIME_GRACE_SECONDS: z.coerce.number().min(0).max(300).default(10),
  /** Seconds a stopped workload's files are kept. */
  SALLY_RUNTIME_RETENTION_SECONDS: z.coerce.number().min(0).max(86_400).default(60),
  /** What a shutdown does to live workloads: `stop` ends them, `keep` leaves them for the next process to adopt. */
  SALLY_RUNTIME_SHUTDOWN: z.enum(['stop', 'keep']).default('stop'),
});

export type RuntimeEnv = z.infer<typeof runtimeEnv>;
