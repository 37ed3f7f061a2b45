/** What is in a workspace: its tree, one file, its log, a diff. */

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { z } from '@hono/zod-openapi';
import { Injectable } from '@nestjs/common';
import { CommitSchema, FileEntrySchema, ReadFileRequestSchema } from '@sallyport/contracts/workspace/v1/workspace';
import { type Endpoint, endpoint, flagSchema } from '../http/endpoint.ts';
import { limitOf, listBody, listSchema, pageQuery } from '../http/page.ts';
import { toRest } from '../rest/rest-json.ts';
import { answerSchema } from '../rest/rest-schema.ts';
import { Services } from '../services.ts';

const commitQuery = { commit: z.string().max(64).optional().describe('The head when absent') };
const binary = z.string().openapi({ format: 'binary' });

@Injectable()
export class ContentRoutes {
  constructor(private readonly services: Services) {}

  endpoints(): Endpoint[] {
    return [this.files(), this.file(), this.log(), this.diff()];
  }

  private files(): Endpoint {
    const entry = answerSchema(FileEntrySchema);
    return endpoint({
      method: 'get',
      path: '/v1/workspaces/{name}/files',
      tag: 'workspaces',
      summary: 'List a tree',
      query: { ...commitQuery, path: z.string().max(4_096).optional(), recursive: flagSchema.optional() },
      answers: {
        200: {
          description: 'At most 10,000 entries',
          schema: z.object({ items: z.array(entry), truncated: z.boolean() }).openapi('FileList'),
        },
      },
      handle: async ({ c, asker, params, query }) => {
        const request = {
          workspace: params['name'] ?? '',
          commit: query.commit ?? '',
          path: query.path ?? '',
          recursive: query.recursive ?? false,
        };
        const answer = await asker.call('workspace', (options) => this.services.workspace.listFiles(request, options));
        return c.json({
          items: answer.entries.map((item) => toRest(FileEntrySchema, item)),
          truncated: answer.truncated,
        });
      },
    });
  }

  private file(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/workspaces/{name}/files/{path+}',
      tag: 'workspaces',
      summary: 'Read a file; a symlink answers its own text',
      query: commitQuery,
      answers: {
        200: {
          description: 'At most 512 KiB of the file',
          type: 'application/octet-stream',
          schema: binary,
          headers: {
            'sally-file-mode': 'Git mode',
            'sally-file-size': 'Size of the whole file',
            'sally-truncated': '`true` when it is cut',
          },
        },
      },
      handle: async ({ asker, params, query }) => {
        const request: MessageInitShape<typeof ReadFileRequestSchema> = {
          workspace: params['name'] ?? '',
          commit: query.commit ?? '',
          path: params['path'] ?? '',
        };
        const answer = await asker.call('workspace', (options) => this.services.workspace.readFile(request, options));
        const entry = answer.entry ?? create(FileEntrySchema);
        return new Response(new Uint8Array(answer.data), {
          headers: {
            'content-type': 'application/octet-stream',
            'content-security-policy': 'sandbox',
            etag: `"${entry.object}"`,
            'sally-file-mode': entry.mode,
            'sally-file-size': String(entry.size),
            'sally-truncated': String(answer.truncated),
          },
        });
      },
    });
  }

  private log(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/workspaces/{name}/log',
      tag: 'workspaces',
      summary: 'The commits, newest first',
      query: pageQuery,
      answers: { 200: { description: 'A page of commits', schema: listSchema('Commit', answerSchema(CommitSchema)) } },
      handle: async ({ c, asker, params, query }) => {
        const limit = limitOf(query.limit);
        const request = { workspace: params['name'] ?? '', from: query.cursor ?? '', pageSize: limit };
        const page = await asker.call('workspace', (options) => this.services.workspace.listCommits(request, options));
        return c.json(
          listBody(
            page.commits.map((item) => toRest(CommitSchema, item)),
            page.next,
            limit,
          ),
        );
      },
    });
  }

  private diff(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/workspaces/{name}/diff',
      tag: 'workspaces',
      summary: 'A unified diff between two commits',
      query: {
        from: z.string().max(64).optional().describe('First parent of `to` when absent'),
        to: z.string().max(64).optional().describe('The head when absent'),
      },
      answers: {
        200: {
          description: 'At most 512 KiB of diff',
          type: 'text/x-diff',
          schema: z.string(),
          headers: { 'sally-truncated': '`true` when it is cut' },
        },
      },
      handle: async ({ asker, params, query }) => {
        const request = { workspace: params['name'] ?? '', from: query.from ?? '', to: query.to ?? '' };
        const answer = await asker.call('workspace', (options) =>
          this.services.workspace.getDiff(request, { ...options, timeoutMs: 30_000 }),
        );
        return new Response(answer.diff, {
          headers: { 'content-type': 'text/x-diff; charset=utf-8', 'sally-truncated': String(answer.truncated) },
        });
      },
    });
  }
}
