/** One route: what it takes, what it answers, and the handler. The router and OpenAPI are both made from it. */

import type { HttpBindings } from '@hono/node-server';
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Asker } from '../session/asker.ts';

/** What Hono carries along with a request. */
export interface ApiHono {
  Bindings: HttpBindings;
  Variables: { trace: string; requestId: string };
}

export type ApiContext = Context<ApiHono>;

/** How a caller shows a key: in a header for programs, by HTTP Basic for git, or not at all. */
export type Auth = 'bearer' | 'basic' | 'none';

export interface Answer {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** Media type; JSON when absent and there is a schema. */
  readonly type?: string;
  /** Whether the same status may carry a stream of server-sent events. */
  readonly streams?: boolean;
  /** Headers worth knowing, with what they say. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Request<Query, Body> {
  readonly c: ApiContext;
  readonly asker: Asker;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
}

export interface Endpoint<Query = unknown, Body = unknown> {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** OpenAPI form: `/v1/runs/{id}:cancel`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly auth: Auth;
  readonly query: z.ZodType<Query>;
  /** JSON body; absent when the handler reads the bytes itself or there is none. */
  readonly body?: z.ZodType<Body>;
  /** Whether the service behind it keeps idempotency keys itself. */
  readonly keepsKeys?: boolean;
  /** Media type of a body the handler reads itself. */
  readonly raw?: string;
  /** Request headers the handler reads, with what they mean. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly answers: Readonly<Record<number, Answer>>;
  handle(request: Request<Query, Body>): Promise<Response>;
}

type Spec<Query extends z.ZodRawShape, Body extends z.ZodType> = Omit<
  Endpoint<z.infer<z.ZodObject<Query>>, z.infer<Body>>,
  'query' | 'body' | 'auth'
> & { readonly query?: Query; readonly body?: Body; readonly auth?: Auth };

/** Defines a route; an unlisted query parameter is refused. */
export function endpoint<
  const Query extends z.ZodRawShape = Record<never, never>,
  Body extends z.ZodType = z.ZodUndefined,
>(spec: Spec<Query, Body>): Endpoint {
  const { query, ...rest } = spec;
  return { auth: 'bearer', ...rest, query: z.strictObject(query ?? {}) } as unknown as Endpoint;
}

/** `30s`, `500ms`, `2m` as milliseconds, at most a limit. */
export const durationSchema = (limitMs: number): z.ZodType<number> =>
  z
    .string()
    .regex(/^\d{1,6}(ms|s|m)$/, 'must be a duration such as 30s')
    .transform((text) => {
      const unit = text.endsWith('ms') ? 1 : text.endsWith('s') ? 1_000 : 60_000;
      return Math.min(limitMs, Number.parseInt(text, 10) * unit);
    });

/** `?flag=1`. */
export const flagSchema = z.enum(['0', '1', 'true', 'false']).transform((word) => word === '1' || word === 'true');

/** A whole number in a query. */
export const countSchema = z
  .string()
  .regex(/^\d{1,15}$/, 'must be a whole number')
  .transform(Number);
