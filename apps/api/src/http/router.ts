/** Mounts endpoints on Hono and writes them into the OpenAPI registry: one list, two readers. */

import { type OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi';
import { InvalidRequest, methodNotAllowed, type Violation } from '../faults.ts';
import { Asker } from '../session/asker.ts';
import { keyOf } from '../session/credential.ts';
import type { Sessions } from '../session/sessions.ts';
import { readJson, refuseEncoded } from './body.ts';
import type { ApiContext, ApiHono, Endpoint } from './endpoint.ts';
import { problemSchema } from './problem.ts';
import type { Replays } from './replays.ts';

export type Router = OpenAPIHono<ApiHono>;

const jsonLimit = 1024 * 1024;

interface Parts {
  readonly sessions: Sessions;
  readonly replays: Replays;
}

/** Mounts every endpoint; a known path with another method is refused with what it does offer. */
export function mount(app: Router, endpoints: readonly Endpoint[], parts: Parts): void {
  const methods = new Map<string, string[]>();
  for (const endpoint of endpoints) {
    const pattern = honoPattern(endpoint.path);
    methods.set(pattern, [...(methods.get(pattern) ?? []), endpoint.method.toUpperCase()]);
    app.openAPIRegistry.registerPath(describe(endpoint));
    app.on(endpoint.method.toUpperCase(), pattern, (c) => serve(endpoint, c, parts));
  }
  for (const [pattern, allowed] of methods) {
    app.all(pattern, (c) => {
      throw methodNotAllowed(c.req.method, allowed.join(', '));
    });
  }
}

/** `/v1/runs/{id}:cancel` as `/v1/runs/:id{[^/:]+:cancel}`; `{path+}` takes slashes too. */
export function honoPattern(path: string): string {
  return path
    .replace(/\{(\w+)\}(:\w+)/, (_, name: string, verb: string) => `:${name}{[^/:]+${verb}}`)
    .replace(/\{(\w+)\+\}/, ':$1{.+}')
    .replaceAll(/\/\{(\w+)\}/g, '/:$1');
}

async function serve(endpoint: Endpoint, c: ApiContext, parts: Parts): Promise<Response> {
  const key = endpoint.auth === 'none' ? '' : keyOf(c.req.header('authorization'));
  const params = paramsOf(endpoint.path, c);
  refuseNul(Object.entries(params), 'path');
  const queries = c.req.queries();
  refuseNul(
    Object.entries(queries).flatMap(([name, values]) => values.map((value) => [name, value] as const)),
    'query',
  );
  const query = check(endpoint.query, flatten(queries), 'query');
  const asker = new Asker(parts.sessions, key, c.get('trace'));
  if (endpoint.body !== undefined || endpoint.raw !== undefined) {
    // Nothing is read, kept or inflated for a key that identity does not know.
    if (endpoint.auth === 'none') refuseEncoded(c);
    else await asker.session('api');
  }
  const body = endpoint.body === undefined ? undefined : check(endpoint.body, await readJson(c, jsonLimit), 'body');
  const work = (): Promise<Response> => endpoint.handle({ c, asker, params, query, body });
  const once = c.req.header('idempotency-key');
  if (once === undefined || endpoint.body === undefined || endpoint.keepsKeys === true) return work();
  const request = { credential: key, key: once, method: c.req.method, path: c.req.path, body };
  return parts.replays.once(request, work, async () => void (await asker.vouched()));
}

function paramsOf(path: string, c: ApiContext): Record<string, string> {
  const verb = /\{\w+\}(:\w+)$/.exec(path)?.[1] ?? '';
  const entries = Object.entries(c.req.param() as Record<string, string>);
  return Object.fromEntries(entries.map(([name, value]) => [name, verb === '' ? value : value.slice(0, -verb.length)]));
}

/** No name of anything holds a NUL, and no database takes one. */
function refuseNul(values: Iterable<readonly [string, string]>, where: string): void {
  const violations = [...values]
    .filter(([, value]) => value.includes('\0'))
    .map(([name]) => ({ pointer: `/${where}/${name}`, detail: 'holds a NUL' }));
  if (violations.length > 0) throw new InvalidRequest(violations);
}

const flatten = (queries: Record<string, string[]>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(queries).map(([name, values]) => [name, values.length === 1 ? values[0] : values]));

/** Parses by a schema; every violation is named by a JSON Pointer. */
function check<T>(schema: z.ZodType<T>, value: unknown, where: 'query' | 'body'): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InvalidRequest(parsed.error.issues.flatMap((issue) => violations(issue, where)));
}

function violations(issue: z.core.$ZodIssue, where: string): Violation[] {
  if (issue.code === 'invalid_union') {
    // Of several forms, the one the value has says best what is wrong with it.
    const meant = issue.errors.find((branch) => branch.some(({ code }) => code !== 'invalid_type')) ?? issue.errors[0];
    if (meant !== undefined)
      return meant.flatMap((each) => violations({ ...each, path: [...issue.path, ...each.path] }, where));
  }
  const at = (path: readonly PropertyKey[]): string =>
    `/${[where, ...path.map((step) => String(step).replaceAll('~', '~0').replaceAll('/', '~1'))].join('/')}`;
  if (issue.code !== 'unrecognized_keys') return [{ pointer: at(issue.path), detail: issue.message }];
  return issue.keys.map((key) => ({ pointer: at([...issue.path, key]), detail: 'is not known here' }));
}

function describe(endpoint: Endpoint): RouteConfig {
  const parameters = [...endpoint.path.matchAll(/\{(\w+)\+?\}/g)].map((match) => [match[1] ?? '', z.string()] as const);
  const headers = Object.entries(endpoint.headers ?? {}).map(
    ([name, description]) => [name, z.string().optional().describe(description)] as const,
  );
  return {
    method: endpoint.method,
    path: endpoint.path.replace('+}', '}'),
    tags: [endpoint.tag],
    summary: endpoint.summary,
    security: endpoint.auth === 'none' ? [] : [{ [endpoint.auth === 'basic' ? 'git' : 'key']: [] }],
    request: {
      params: z.object(Object.fromEntries(parameters)),
      query: endpoint.query as z.ZodObject,
      headers: z.object(Object.fromEntries(headers)),
      ...(endpoint.body === undefined
        ? {}
        : { body: { required: true, content: { 'application/json': { schema: endpoint.body } } } }),
      ...(endpoint.raw === undefined
        ? {}
        : {
            body: { required: true, content: { [endpoint.raw]: { schema: z.string().openapi({ format: 'binary' }) } } },
          }),
    },
    responses: {
      ...Object.fromEntries(
        Object.entries(endpoint.answers).map(([status, answer]) => [status, describeAnswer(answer)]),
      ),
      default: { description: 'A refusal', content: { 'application/problem+json': { schema: problemSchema } } },
    },
  };
}

function describeAnswer(answer: Endpoint['answers'][number]): RouteConfig['responses'][string] {
  const type = answer.type ?? (answer.schema === undefined ? undefined : 'application/json');
  const headers = Object.fromEntries(
    Object.entries(answer.headers ?? {}).map(([name, description]) => [
      name,
      { description, schema: { type: 'string' as const } },
    ]),
  );
  const content = {
    ...(type === undefined ? {} : { [type]: { schema: answer.schema ?? z.string() } }),
    ...(answer.streams === true ? { 'text/event-stream': { schema: z.string() } } : {}),
  };
  return {
    description: answer.description,
    ...(Object.keys(content).length === 0 ? {} : { content }),
    ...(Object.keys(headers).length > 0 ? { headers } : {}),
  };
}
