import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { adaKey, eveKey } from './fakes/fake-identity.ts';
import { FakeStack } from './fakes/fake-stack.ts';

const run = promisify(execFile);

let stack: FakeStack;
let folder: string;

beforeAll(async () => {
  stack = await FakeStack.start({ SALLY_API_IMPORT_BYTES: String(4 * 1024 * 1024) });
  folder = mkdtempSync(join(tmpdir(), 'sally-git-'));
});
afterAll(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
});

const env = (): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: folder,
  GIT_TERMINAL_PROMPT: '0',
  GIT_CONFIG_NOSYSTEM: '1',
});
const remote = (key: string, org = 'acme'): string => `http://any:${key}@127.0.0.1:${stack.port}/git/${org}/demo`;

describe('git over HTTP', () => {
  test.each([
    ['version 2', ['-c', 'protocol.version=2']],
    ['version 0', ['-c', 'protocol.version=0']],
  ])('clones a workspace by protocol %s', async (name, config) => {
    const target = join(folder, name.replace(' ', '-'));
    await run('git', [...config, 'clone', '-q', remote(adaKey), target], { env: env() });
    expect(readFileSync(join(target, 'README.md'), 'utf8')).toBe('hello\n');
    await run('git', ['-C', target, ...config, 'fetch', '-q'], { env: env() });
    expect((await run('git', ['-C', target, 'fsck', '--strict'], { env: env() })).stderr).toBe('');
  });

  test('clones by a name with .git', async () => {
    await run('git', ['clone', '-q', `${remote(adaKey)}.git`, join(folder, 'dotted')], { env: env() });
  });

  test('refuses a push and says why', async () => {
    const target = join(folder, 'pusher');
    await run('git', ['clone', '-q', remote(adaKey), target], { env: env() });
    await expect(
      run('git', ['-C', target, 'push', '-q', 'origin', 'main:other'], { env: env() }),
    ).rejects.toMatchObject({
      stderr: expect.stringContaining('api.push_refused'),
    });
  });

  test('asks for Basic credentials and refuses wrong ones', async () => {
    const path = '/git/acme/demo/info/refs?service=git-upload-pack';
    const response = await stack.fetch(path, { key: null });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Basic realm="sallyport"');
    await expect(run('git', ['clone', '-q', remote(eveKey), join(folder, 'eve')], { env: env() })).rejects.toThrow(
      'not found',
    );
  });

  test('takes a request compressed, as git sends a long one', async () => {
    const response = await stack.fetch('/git/acme/demo/git-upload-pack', {
      method: 'POST',
      body: gzipSync('0014command=ls-refs\n0000'),
      headers: { 'content-encoding': 'gzip', 'git-protocol': 'version=2' },
    });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('refs/heads/main');
  });

  test('does not inflate a request beyond its limit', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const response = await stack.fetch('/git/acme/demo/git-upload-pack', {
      method: 'POST',
      body: bomb,
      headers: { 'content-encoding': 'gzip' },
    });
    expect(response.status).toBe(413);
  });
});

describe('a bundle', () => {
  const bytes = Buffer.concat(Array.from({ length: 1_300 }, (_, index) => Buffer.alloc(1_000, index)));
  const digest = (of: Buffer): string => `sha-256=:${createHash('sha256').update(of).digest('base64')}:`;

  test.each([
    ['with a digest, straight through', { 'content-digest': digest(bytes) }, bytes],
    ['without a digest, by way of a file', {}, bytes],
    ['compressed', { 'content-encoding': 'gzip' }, gzipSync(bytes)],
  ])('is imported %s', async (name, headers, body) => {
    const target = `imported-${name.length}`;
    const response = await stack.fetch(`/v1/workspaces/${target}/bundle`, {
      method: 'PUT',
      body,
      headers: headers as Record<string, string>,
    });
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ name: target, state: 'idle' });
    expect([...stack.workspace.uploads.values()].at(-1)?.bytes.equals(bytes)).toBe(true);
  });

  test('of other bytes than its digest says is refused', async () => {
    const response = await stack.fetch('/v1/workspaces/wrong/bundle', {
      method: 'PUT',
      body: bytes,
      headers: { 'content-digest': digest(Buffer.from('x')) },
    });
    expect(await response.json()).toMatchObject({ status: 400, code: 'api.digest_mismatch' });
    expect(stack.workspace.names.has('wrong')).toBe(false);
  });

  test('beyond the limit is refused, stated or not', async () => {
    const large = Buffer.alloc(5 * 1024 * 1024);
    expect((await stack.fetch('/v1/workspaces/large/bundle', { method: 'PUT', body: large })).status).toBe(413);
    const source = new ReadableStream({
      start: (controller) => {
        controller.enqueue(new Uint8Array(large));
        controller.close();
      },
    });
    const init = { method: 'PUT', body: source, duplex: 'half' } as RequestInit;
    expect((await stack.fetch('/v1/workspaces/large/bundle', init)).status).toBe(413);
  });

  test('is exported whole', async () => {
    const path = join(folder, 'demo.bundle');
    const response = await stack.fetch('/v1/workspaces/demo/bundle');
    const { writeFileSync } = await import('node:fs');
    writeFileSync(path, Buffer.from(await response.arrayBuffer()));
    await run('git', ['clone', '-q', path, join(folder, 'from-bundle')], { env: env() });
  });
});

describe('the content of a workspace', () => {
  test('is read by a path with slashes and blanks, as bytes nobody renders', async () => {
    const response = await stack.fetch('/v1/workspaces/demo/files/docs/a%20b.txt');
    expect(await response.text()).toBe('\u001b[2Jhi');
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('sally-file-mode')).toBe('100644');
  });

  test('is listed, logged and compared', async () => {
    expect(await (await stack.fetch('/v1/workspaces/demo/files')).json()).toMatchObject({
      items: [{ path: 'README.md', size: 6 }],
    });
    expect(await (await stack.fetch('/v1/workspaces/demo/log')).json()).toMatchObject({
      items: [{ author_name: 'Ada' }],
      next_cursor: null,
    });
    expect(await (await stack.fetch('/v1/workspaces/demo/diff')).text()).toContain('+++ b/x');
  });
});
