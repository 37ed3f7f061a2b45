import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WorkspaceWorld } from './workspace-world.ts';

const run = promisify(execFile);

let world: WorkspaceWorld;

beforeAll(async () => {
  world = await WorkspaceWorld.start({});
});
afterAll(() => world.close());

describe('git clone over smart HTTP', () => {
  let server: Server;
  let url: string;

  beforeAll(async () => {
    server = createServer((request, response) => {
      const body: Buffer[] = [];
      request.on('data', (chunk: Buffer) => body.push(chunk));
      request.on(
        'end',
        () =>
          void answer(request.url ?? '', String(request.headers['git-protocol'] ?? ''), Buffer.concat(body)).then(
            (bytes) => response.end(bytes),
          ),
      );
      response.setHeader(
        'content-type',
        request.method === 'GET'
          ? 'application/x-git-upload-pack-advertisement'
          : 'application/x-git-upload-pack-result',
      );
    });
    await new Promise<void>((ready) => void server.listen(0, '127.0.0.1', ready));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  async function answer(path: string, protocol: string, request: Buffer): Promise<Buffer> {
    const call = await world.session();
    const workspace = path.split('/')[1] ?? '';
    const what = path.includes('info/refs')
      ? ({ case: 'advertiseRefs', value: { protocol } } as const)
      : ({ case: 'uploadPack', value: { protocol, request } } as const);
    const { download } = await world.api.openDownload({ workspace, what }, call);
    return await world.download(download, call);
  }

  test.each([['2'], ['0']])('works by protocol %s and gives the whole history', async (version) => {
    const call = await world.session();
    await world.api
      .createWorkspace({ name: `clone-${version}`, files: { 'a.txt': Buffer.from('a\n') } }, call)
      .catch(() => undefined);
    const directory = world.path(`cloned-${version}`);
    const args = ['-c', `protocol.version=${version}`, 'clone', '-q', `${url}/clone-${version}`, directory];
    await run('git', args, { env: { PATH: process.env['PATH'], GIT_TERMINAL_PROMPT: '0' } });
    expect(readFileSync(join(directory, 'a.txt'), 'utf8')).toBe('a\n');
    expect(world.git(directory, ['log', '--format=%an|%cn'])).toBe('Ada|Sallyport');
  });

  test('hands a download to nobody else', async () => {
    const call = await world.session();
    await world.api.createWorkspace({ name: 'private' }, call);
    const { download } = await world.api.openDownload(
      { workspace: 'private', what: { case: 'bundle', value: {} } },
      call,
    );
    const other = await world.session({ sub: 'usr_other' });
    await expect(world.api.readDownload({ download }, other)).rejects.toMatchObject({
      code: 'not_found',
      reason: 'workspace.download_unknown',
    });
    await world.download(download, call);
  });

  test('has a limit of transfers at once', async () => {
    const call = await world.session({ org: 'greedy' });
    await world.api.createWorkspace({ name: 'many' }, call);
    const open = () => world.api.openDownload({ workspace: 'many', what: { case: 'bundle', value: {} } }, call);
    for (let count = 0; count < 16; count += 1) await open();
    await expect(open()).rejects.toMatchObject({ code: 'resource_exhausted', reason: 'workspace.transfers' });
  });
});
