/** `/healthz`: the process lives. `/readyz`: each thing it depends on answers, by name. */

import { unlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:http';

/** A dependency's check; resolves when it answers. */
export type Check = () => Promise<void> | void;

export interface Health {
  readonly address: string;
  close(): Promise<void>;
}

/** Serves health on `unix:/path` or `host:port`. */
export async function serveHealth(where: string, checks: Readonly<Record<string, Check>>): Promise<Health> {
  const server = createServer((request, response) => {
    void answer(request.url ?? '', checks).then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(JSON.stringify(body));
    });
  });
  const address = await listen(server, where);
  return {
    address,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function answer(
  url: string,
  checks: Readonly<Record<string, Check>>,
): Promise<{ status: number; body: unknown }> {
  if (url === '/healthz') return { status: 200, body: { status: 'ok' } };
  if (url !== '/readyz') return { status: 404, body: { status: 'unknown path' } };
  const states = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await stateOf(check)] as const),
  );
  const ready = states.every(([, state]) => state === 'ok');
  return {
    status: ready ? 200 : 503,
    body: { status: ready ? 'ready' : 'waiting', dependencies: Object.fromEntries(states) },
  };
}

async function stateOf(check: Check): Promise<string> {
  try {
    await check();
    return 'ok';
  } catch (error) {
    return error instanceof Error ? error.message : 'failed';
  }
}

function listen(server: Server, where: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    if (where.startsWith('unix:')) {
      const path = where.slice(5);
      try {
        unlinkSync(path);
      } catch {
        // Nothing was left over.
      }
      server.listen(path, () => resolve(where));
      return;
    }
    const [host = '127.0.0.1', port = '0'] = where.split(':');
    server.listen(Number(port), host, () => {
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? `${bound.address}:${bound.port}` : where);
    });
  });
}
