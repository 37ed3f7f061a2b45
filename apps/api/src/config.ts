/** The only reader of the API's environment. */

import { z } from 'zod';

export const apiEnv = z.object({
  /** Address to listen on. */
  SALLY_API_HOST: z.string().default('127.0.0.1'),
  /** Port to listen on; 0 takes a free one. */
  SALLY_API_PORT: z.coerce.number().int().min(0).max(65_535).default(7420),
  /** Further host names to answer as, separated by commas; the loopback names are always among them. */
  SALLY_API_HOSTS: z.string().default(''),
  /** Largest git bundle taken for an import, bytes. */
  SALLY_API_IMPORT_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(2 * 1024 ** 3),
  /** Event streams held open at a time. */
  SALLY_API_STREAMS: z.coerce.number().int().positive().default(2_000),
  /** Milliseconds after which a stream asks anew whether its reader may still read. */
  SALLY_API_RECHECK_MS: z.coerce.number().int().positive().default(15_000),
  /** Milliseconds for which a reader of a stream may take nothing before it is cut off. */
  SALLY_API_STALL_MS: z.coerce.number().int().positive().default(30_000),
  /** Folder of the documentation, for the pages that explain a refusal. */
  SALLY_API_DOCS: z.string().default(''),
});

export type ApiEnv = z.infer<typeof apiEnv>;

/** What the process was started with. */
export const environment: Readonly<Record<string, string | undefined>> = process.env;
