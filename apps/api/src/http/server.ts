/** The listening socket: opened when the module is ready, closed with its streams when the process ends. */

import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Log } from '@sallyport/service/log';
import { oneAtATime } from '@sallyport/service/one-at-a-time';
import { CONFIG } from '@sallyport/service/start';
import type { ApiEnv } from '../config.ts';
import { listenFailed } from '../faults.ts';
import { Routes } from '../routes.ts';
import { Sessions } from '../session/sessions.ts';
import { buildApp } from './app.ts';
import { Replays } from './replays.ts';
import type { Router } from './router.ts';
import { Streams } from './streams.ts';

@Injectable()
export class HttpServer implements OnApplicationBootstrap, OnApplicationShutdown {
  private server: Server | undefined;
  private app: Router | undefined;

  constructor(
    private readonly routes: Routes,
    private readonly sessions: Sessions,
    private readonly replays: Replays,
    private readonly streams: Streams,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: ApiEnv,
  ) {}

  /** Every route of the running router, as the router spells it. */
  mounted(): readonly { readonly method: string; readonly path: string }[] {
    return this.app?.routes ?? [];
  }

  /** Port it listens on, once it does. */
  get port(): number {
    return (this.server?.address() as AddressInfo | null)?.port ?? 0;
  }

  async onApplicationBootstrap(): Promise<void> {
    const { SALLY_API_HOST: host, SALLY_API_PORT: port, SALLY_API_HOSTS: names } = this.config;
    const hosts = names
      .split(',')
      .map((name) => name.trim().toLowerCase())
      .filter((name) => name !== '');
    const { sessions, replays, log } = this;
    const app = buildApp({ endpoints: this.routes.all(), sessions, replays, log, hosts });
    const server = createAdaptorServer({ fetch: app.fetch, createServer: withoutPipelines }) as Server;
    // An import may take its time; a header may not.
    server.requestTimeout = 15 * 60_000;
    server.headersTimeout = 30_000;
    await listen(server, host, port);
    this.server = server;
    this.app = app;
    log.info({ host, port: this.port }, 'listening');
  }

  async onApplicationShutdown(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.streams.closeAll();
    server.closeIdleConnections();
    const force = setTimeout(() => server.closeAllConnections(), 1_000);
    await closed;
    clearTimeout(force);
  }
}

const withoutPipelines = ((...given: unknown[]) =>
  createServer(oneAtATime(given.at(-1) as RequestListener))) as typeof createServer;

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(listenFailed(host, port, error.code === 'EADDRINUSE', error)),
    );
    server.listen(port, host, resolve);
  });
}
