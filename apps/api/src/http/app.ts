/** The HTTP face: trace and request ids, the host check, routes, OpenAPI, and every error as a problem document. */

import { OpenAPIHono } from '@hono/zod-openapi';
import { newTraceId } from '@sallyport/bus/trace';
import { Fault } from '@sallyport/core/fault';
import type { Log } from '@sallyport/service/log';
import { hostNotServed, routeUnknown } from '../faults.ts';
import type { Sessions } from '../session/sessions.ts';
import { version } from '../version.ts';
import type { ApiContext, ApiHono, Endpoint } from './endpoint.ts';
import { isServedHost } from './hosts.ts';
import { isStale, problemOf, statusOf } from './problem.ts';
import type { Replays } from './replays.ts';
import { mount, type Router } from './router.ts';

export interface AppParts {
  readonly endpoints: readonly Endpoint[];
  readonly sessions: Sessions;
  readonly replays: Replays;
  readonly log: Log;
  /** Host names beside the loopback ones. */
  readonly hosts: readonly string[];
}

export function buildApp(parts: AppParts): Router {
  const app: Router = new OpenAPIHono<ApiHono>();
  app.use(async (c, next) => {
    identify(c);
    if (!isServedHost(c.req.header('host'), parts.hosts)) throw hostNotServed(c.req.header('host') ?? '');
    await next();
    stamp(c);
  });
  describeApi(app);
  mount(app, parts.endpoints, parts);
  app.notFound((c) => respond(c, routeUnknown(c.req.method, c.req.path)));
  app.onError((error, c) => {
    const fault = Fault.from(error);
    if (fault.code === 'internal')
      parts.log.error({ error, trace: c.get('trace'), path: c.req.path }, 'a request failed');
    return respond(c, fault);
  });
  return app;
}

const traceparent = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

function identify(c: ApiContext): void {
  const trace = traceparent.exec(c.req.header('traceparent') ?? '')?.[1] ?? newTraceId();
  const given = c.req.header('x-request-id') ?? '';
  c.set('trace', trace);
  c.set('requestId', /^[\x21-\x7e]{1,128}$/.test(given) ? given : trace);
}

function stamp(c: ApiContext): void {
  c.res.headers.set('x-request-id', c.get('requestId'));
  c.res.headers.set('traceparent', `00-${c.get('trace')}-${newTraceId().slice(0, 16)}-00`);
  c.res.headers.set('x-content-type-options', 'nosniff');
  if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store');
}

/** A fault as this request's answer. */
function respond(c: ApiContext, fault: Fault): Response {
  const conditional = c.req.header('if-match') !== undefined || c.req.header('if-none-match') !== undefined;
  const status = conditional && isStale(fault) ? 412 : statusOf(fault);
  const problem = problemOf(fault, { path: c.req.path, trace: c.get('trace'), status });
  const headers = new Headers({ 'content-type': 'application/problem+json' });
  if (status === 413) headers.set('connection', 'close');
  const realm = c.req.path.startsWith('/git/') ? 'Basic' : 'Bearer';
  if (status === 401) headers.set('www-authenticate', `${realm} realm="sallyport"`);
  if (status === 503 || status === 429) headers.set('retry-after', '1');
  if (fault.detail['allow'] !== undefined && status === 405) headers.set('allow', fault.detail['allow']);
  const forGit = c.req.path.startsWith('/git/') && (c.req.header('user-agent') ?? '').startsWith('git/');
  // Git shows a refusal to its user only when it is plain text.
  if (forGit) headers.set('content-type', 'text/plain; charset=utf-8');
  const body = forGit ? `${problem.detail} (${problem.code}, trace ${problem.trace_id})` : JSON.stringify(problem);
  c.res = new Response(`${body}\n`, { status, headers });
  stamp(c);
  return c.res;
}

function describeApi(app: Router): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'key', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key, `sally_...`',
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'git', {
    type: 'http',
    scheme: 'basic',
    description: 'Any user name; the API key as password',
  });
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'Sallyport',
      version,
      description:
        'Run untrusted AI agents in sandboxes without a network, over git workspaces, under short-lived signed tokens.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
  });
}
