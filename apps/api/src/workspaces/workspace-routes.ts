/** `/v1/workspaces`: make, list, undo. */

import { create } from '@bufbuild/protobuf';
import { z } from '@hono/zod-openapi';
import { Injectable } from '@nestjs/common';
import { type Workspace, WorkspaceSchema } from '@sallyport/contracts/workspace/v1/workspace';
import { type ApiContext, type Endpoint, endpoint } from '../http/endpoint.ts';
import { etagOf } from '../http/etag.ts';
import { limitOf, listBody, listSchema, pageQuery } from '../http/page.ts';
import { toRest } from '../rest/rest-json.ts';
import { answerSchema } from '../rest/rest-schema.ts';
import { Services } from '../services.ts';

export const workspaceSchema = answerSchema(WorkspaceSchema);

/** A workspace as an answer, with its version as entity tag. */
export function answerWorkspace(c: ApiContext, workspace: Workspace | undefined, status: 200 | 201): Response {
  const found = workspace ?? create(WorkspaceSchema);
  c.header('etag', etagOf(found.version));
  if (status === 201) c.header('location', `/v1/workspaces/${found.name}`);
  return c.json(toRest(WorkspaceSchema, found), status);
}

@Injectable()
export class WorkspaceRoutes {
  constructor(private readonly services: Services) {}

  endpoints(): Endpoint[] {
    return [this.make(), this.list(), this.get(), this.undo()];
  }

  private make(): Endpoint {
    return endpoint({
      method: 'post',
      path: '/v1/workspaces',
      tag: 'workspaces',
      summary: 'Make a workspace with its first commit',
      body: z
        .strictObject({
          name: z.string().min(1).max(63),
          files: z
            .record(z.string(), z.string())
            .optional()
            .describe('Text by path, for the first commit; at most 256 KiB in all'),
          files_base64: z.record(z.string(), z.base64()).optional().describe('Bytes by path'),
        })
        .openapi('NewWorkspace'),
      answers: { 201: { description: 'The workspace', schema: workspaceSchema, headers: { location: 'Where it is' } } },
      handle: async ({ c, asker, body }) => {
        const texts = Object.entries(body.files ?? {}).map(([path, text]) => [path, Buffer.from(text)] as const);
        const bytes = Object.entries(body.files_base64 ?? {}).map(
          ([path, text]) => [path, Buffer.from(text, 'base64')] as const,
        );
        const request = { name: body.name, files: Object.fromEntries([...texts, ...bytes]) };
        const answer = await asker.call('workspace', (options) =>
          this.services.workspace.createWorkspace(request, options),
        );
        return answerWorkspace(c, answer.workspace, 201);
      },
    });
  }

  private list(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/workspaces',
      tag: 'workspaces',
      summary: 'List workspaces by name',
      query: pageQuery,
      answers: { 200: { description: 'A page of workspaces', schema: listSchema('Workspace', workspaceSchema) } },
      handle: async ({ c, asker, query }) => {
        const limit = limitOf(query.limit);
        const request = { pageSize: limit, pageToken: query.cursor ?? '' };
        const page = await asker.call('workspace', (options) =>
          this.services.workspace.listWorkspaces(request, options),
        );
        return c.json(
          listBody(
            page.workspaces.map((item) => toRest(WorkspaceSchema, item)),
            page.nextPageToken,
            limit,
          ),
        );
      },
    });
  }

  private get(): Endpoint {
    return endpoint({
      method: 'get',
      path: '/v1/workspaces/{name}',
      tag: 'workspaces',
      summary: 'Get a workspace',
      answers: { 200: { description: 'The workspace', schema: workspaceSchema, headers: { etag: 'Its version' } } },
      handle: async ({ c, asker, params }) => {
        const request = { name: params['name'] ?? '' };
        const answer = await asker.call('workspace', (options) =>
          this.services.workspace.getWorkspace(request, options),
        );
        return answerWorkspace(c, answer.workspace, 200);
      },
    });
  }

  private undo(): Endpoint {
    return endpoint({
      method: 'post',
      path: '/v1/workspaces/{name}:undo',
      tag: 'workspaces',
      summary: 'Restore the tree before a commit, as a new commit',
      body: z
        .strictObject({ commit: z.string().max(64).optional().describe('The head when absent') })
        .openapi('UndoCommit'),
      answers: {
        200: {
          description: 'The new commit',
          schema: z.object({ workspace: workspaceSchema, commit: z.string() }).openapi('Undone'),
        },
      },
      handle: async ({ c, asker, params, body }) => {
        const request = { workspace: params['name'] ?? '', commit: body.commit ?? '' };
        const answer = await asker.call('workspace', (options) =>
          this.services.workspace.undoCommit(request, { ...options, timeoutMs: 60_000 }),
        );
        return c.json(
          { workspace: toRest(WorkspaceSchema, answer.workspace ?? create(WorkspaceSchema)), commit: answer.commit },
          200,
        );
      },
    });
  }
}
