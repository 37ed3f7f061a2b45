/** `/git/<org>/<workspace>`: plain `git clone` and `git fetch` by smart HTTP. Nothing is taken by push. */

import { z } from '@hono/zod-openapi';
import { Injectable } from '@nestjs/common';
import { pushRefused, workspaceUnknown } from '../faults.ts';
import { readBytes } from '../http/body.ts';
import { type Endpoint, endpoint } from '../http/endpoint.ts';
import { streamBytes } from '../http/stream-bytes.ts';
import { Services } from '../services.ts';
import type { Asker } from '../session/asker.ts';
import { downloadChunks } from '../workspaces/download.ts';
import { announced } from './pkt-line.ts';

/** Most a client says in one request; the contract's own limit. */
const requestBytes = 512 * 1024;
const binary = z.string().openapi({ format: 'binary' });

@Injectable()
export class GitRoutes {
  constructor(private readonly services: Services) {}

  endpoints(): Endpoint[] {
    return [this.advertise(), this.fetch(), this.push()];
  }

  private advertise(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/git/{org}/{workspace}/info/refs',
      tag: 'git',
      summary: 'The references of a workspace (smart HTTP)',
      auth: 'basic',
      query: { service: z.enum(['git-upload-pack', 'git-receive-pack']) },
      headers: { 'git-protocol': 'Protocol version the client speaks' },
      answers: {
        200: { description: 'The advertisement', type: 'application/x-git-upload-pack-advertisement', schema: binary },
      },
      handle: async ({ c, asker, params, query }) => {
        const workspace = await this.workspaceOf(asker, params);
        if (query.service !== 'git-upload-pack') throw pushRefused();
        const protocol = protocolOf(c.req.header('git-protocol'));
        const bytes = downloadChunks(this.services, asker, {
          workspace,
          what: { case: 'advertiseRefs', value: { protocol } },
        });
        return streamBytes(announced(bytes, protocol), {
          'content-type': 'application/x-git-upload-pack-advertisement',
          'cache-control': 'no-cache',
        });
      },
    });
  }

  private fetch(): Endpoint {
    return endpoint({
      method: 'post',
      path: '/git/{org}/{workspace}/git-upload-pack',
      tag: 'git',
      summary: 'The pack a client asks for (smart HTTP)',
      auth: 'basic',
      raw: 'application/x-git-upload-pack-request',
      headers: { 'git-protocol': 'Protocol version the client speaks' },
      answers: { 200: { description: 'The pack', type: 'application/x-git-upload-pack-result', schema: binary } },
      handle: async ({ c, asker, params }) => {
        const workspace = await this.workspaceOf(asker, params);
        const request = await readBytes(c, requestBytes);
        const protocol = protocolOf(c.req.header('git-protocol'));
        const what = { case: 'uploadPack' as const, value: { protocol, request } };
        const bytes = downloadChunks(this.services, asker, { workspace, what });
        return streamBytes(bytes, {
          'content-type': 'application/x-git-upload-pack-result',
          'cache-control': 'no-cache',
        });
      },
    });
  }

  private push(): Endpoint {
    return endpoint({
      method: 'post',
      path: '/git/{org}/{workspace}/git-receive-pack',
      tag: 'git',
      summary: 'Refused: workspaces are changed by runs',
      auth: 'basic',
      raw: 'application/x-git-receive-pack-request',
      answers: { 403: { description: 'Always' } },
      handle: () => Promise.reject(pushRefused()),
    });
  }

  private async workspaceOf(asker: Asker, params: Readonly<Record<string, string>>): Promise<string> {
    const { org } = await asker.session('workspace');
    const workspace = (params['workspace'] ?? '').replace(/\.git$/, '');
    if (org !== params['org']) throw workspaceUnknown();
    return workspace;
  }
}

/** The `Git-Protocol` header, or nothing when it is none of git's. */
const protocolOf = (header: string | undefined): string =>
  header !== undefined && /^version=[012]$/.test(header) ? header : '';
