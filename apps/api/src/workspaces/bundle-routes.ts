/** `/v1/workspaces/{name}/bundle`: a whole history in and out, as a git bundle. */

import { z } from '@hono/zod-openapi';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG } from '@sallyport/service/start';
import type { ApiEnv } from '../config.ts';
import { bodyTooLarge } from '../faults.ts';
import { bodyChunks } from '../http/body.ts';
import { type ApiContext, type Endpoint, endpoint } from '../http/endpoint.ts';
import { streamBytes } from '../http/stream-bytes.ts';
import { Services } from '../services.ts';
import type { Asker } from '../session/asker.ts';
import { downloadChunks } from './download.ts';
import { type Announced, checkedChunks, digestOf, spooled } from './upload.ts';
import { answerWorkspace, workspaceSchema } from './workspace-routes.ts';

const bundleType = 'application/x-git-bundle';
const importTimeoutMs = 300_000;

@Injectable()
export class BundleRoutes {
  constructor(
    private readonly services: Services,
    @Inject(CONFIG) private readonly config: ApiEnv,
  ) {}

  endpoints(): Endpoint[] {
    return [this.import(), this.export()];
  }

  private import(): Endpoint {
    return endpoint({
      method: 'put',
      path: '/v1/workspaces/{name}/bundle',
      tag: 'workspaces',
      summary: 'Make a workspace of a git bundle after a strict check of every object',
      raw: bundleType,
      headers: {
        'content-digest':
          '`sha-256=:<base64>:`; with it and Content-Length the bytes go straight through, otherwise they are kept aside first',
      },
      query: { ref: z.string().max(1_024).optional().describe('Ref to take as the branch; HEAD when absent') },
      answers: { 201: { description: 'The workspace', schema: workspaceSchema } },
      handle: async ({ c, asker, params, query }) => {
        const upload = await this.receive(c, asker);
        const request = { name: params['name'] ?? '', upload, ref: query.ref ?? '' };
        const answer = await asker.call('workspace', (options) =>
          this.services.workspace.importWorkspace(request, { ...options, timeoutMs: importTimeoutMs }),
        );
        c.header('sally-objects', String(answer.objects));
        return answerWorkspace(c, answer.workspace, 201);
      },
    });
  }

  private export(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/workspaces/{name}/bundle',
      tag: 'workspaces',
      summary: 'The whole history as a git bundle',
      answers: {
        200: { description: 'A git bundle', type: bundleType, schema: z.string().openapi({ format: 'binary' }) },
      },
      handle: async ({ asker, params }) => {
        const workspace = params['name'] ?? '';
        const bytes = downloadChunks(this.services, asker, { workspace, what: { case: 'bundle', value: {} } });
        return streamBytes(bytes, { 'content-type': bundleType });
      },
    });
  }

  private receive(c: ApiContext, asker: Asker): Promise<string> {
    const limit = this.config.SALLY_API_IMPORT_BYTES;
    const stated = c.req.header('content-length');
    if (stated !== undefined && Number(stated) > limit) throw bodyTooLarge(limit);
    const sha256 = digestOf(c.req.header('content-digest') ?? c.req.header('repr-digest'));
    const plain = (c.req.header('content-encoding') ?? 'identity') === 'identity';
    if (sha256 === undefined || stated === undefined || !plain) {
      return spooled(bodyChunks(c), limit, (announced, bytes) => this.send(asker, announced, bytes, limit));
    }
    return this.send(asker, { size: BigInt(stated), sha256 }, bodyChunks(c), limit);
  }

  private async send(
    asker: Asker,
    announced: Announced,
    bytes: AsyncIterable<Uint8Array>,
    limit: number,
  ): Promise<string> {
    const { upload } = await asker.call('workspace', (options) =>
      this.services.workspace.beginUpload({ ...announced, workspace: '' }, options),
    );
    let offset = 0n;
    for await (const data of checkedChunks(bytes, limit, announced.sha256)) {
      const request = { upload, offset, data };
      await asker.call('workspace', (options) =>
        this.services.workspace.writeUpload(request, { ...options, timeoutMs: 30_000 }),
      );
      offset += BigInt(data.length);
    }
    return upload;
  }
}
