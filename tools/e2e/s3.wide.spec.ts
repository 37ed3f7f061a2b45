import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { repository } from '../start/options.ts';
import { S3Server } from '../wide/s3-server.ts';
import { command, git, type Said } from './sally.ts';
import { StartedStack } from './started-stack.ts';

const folders: string[] = [];
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'sally-s3-e2e-'));
  folders.push(made);
  return made;
};

let server: S3Server;
let env: Record<string, string>;

beforeAll(async () => {
  server = await S3Server.start();
  const { endpoint = '', accessKeyFile, secretKeyFile } = await server.bucket('product');
  env = {
    SALLY_S3_ENDPOINT: endpoint,
    SALLY_S3_ACCESS_KEY_FILE: accessKeyFile,
    SALLY_S3_SECRET_KEY_FILE: secretKeyFile,
  };
});

afterAll(async () => {
  await server.stop();
  for (const made of folders) rmSync(made, { recursive: true, force: true });
});

const node = process.env['SALLY_TEST_NODE'] ?? process.execPath;
const objects = (...args: readonly string[]): Promise<Said> =>
  command(node, [join(repository, 'tools/start/objects.ts'), ...args], { env });

const start = (data: string, ...flags: readonly string[]): Promise<StartedStack> =>
  StartedStack.start({ data, env, as: (line) => [...line, ...flags] });

const refused = (data: string, ...flags: readonly string[]): Promise<Said> =>
  command(node, [join(repository, 'tools/start/main.ts'), '--no-demo', '--data', data, ...flags], { env });

/** A run that appends a line to the workspace and is committed by the platform. */
async function append(stack: StartedStack, text: string): Promise<void> {
  const run = await stack.exec(['sh', '-c', `echo ${text} >> lines`], { mounts: [{ workspace: 'demo', mode: 'rw' }] });
  expect(await stack.ended(run.id)).toMatchObject({ state: 'completed', commits: [{ workspace: 'demo', files: 1 }] });
}

async function linesByClone(stack: StartedStack): Promise<string> {
  const into = folder();
  const url = `http://sally:${stack.rest.token}@127.0.0.1:${stack.port}/git/acme/demo`;
  expect(await git(into, 'clone', '-q', url, 'clone')).toMatchObject({ code: 0 });
  return readFileSync(join(into, 'clone', 'lines'), 'utf8');
}

describe('the product on an S3 bucket', () => {
  test('keeps workspaces there, moves to a directory and back, and is readable on either', async () => {
    const data = folder();
    const onS3 = await start(data, '--bucket', 's3:product');
    await append(onS3, 'one');
    expect(await linesByClone(onS3)).toBe('one\n');
    const target = `dir:${join(data, 'bucket')}`;
    expect(await objects('copy', '--from', 's3:product', '--to', target)).toMatchObject({ code: 6 });
    await onS3.stop(false);

    // Only the copy has what is needed; the launcher does not let go of the bucket before.
    expect(await refused(data, '--bucket', target)).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('npm run objects -- copy'),
    });
    const copied = await objects('copy', '--from', 's3:product', '--to', target);
    expect(copied).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+ copied and verified, 0 there already/m),
    });

    const onDirectory = await start(data, '--bucket', target);
    expect(await linesByClone(onDirectory)).toBe('one\n');
    await append(onDirectory, 'two');
    await onDirectory.stop(false);

    await server.bucket('moved');
    const back = await objects('copy', '--from', target, '--to', 's3:moved/here');
    expect(back).toMatchObject({ code: 0 });
    const again = await objects('copy', '--from', target, '--to', 's3:moved/here');
    expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/^0 copied/m) });
    const moved = await start(data, '--bucket', 's3:moved/here');
    expect(await linesByClone(moved)).toBe('one\ntwo\n');
    await moved.stop(false);

    // The choice is remembered.
    const remembered = await start(data);
    expect(await linesByClone(remembered)).toBe('one\ntwo\n');
    await remembered.stop(false);
  });

  test.each([
    ['missing', (file: string) => rmSync(file)],
    ['altered', (file: string) => writeFileSync(file, readFileSync(file).fill(7, 100, 101))],
  ])('says that an object is %s, and serves nothing of it', async (how, damage) => {
    const data = folder();
    await server.bucket(`spoilt-${how}`);
    const whole = await start(data, '--bucket', `s3:spoilt-${how}`);
    await append(whole, 'kept');
    await whole.stop(false);
    const packs = globSync('org/*/ws/demo/packs/*', { cwd: server.filesOf(`spoilt-${how}`) });
    expect(packs).not.toHaveLength(0);
    for (const pack of packs) damage(join(server.filesOf(`spoilt-${how}`), pack));
    // As on a fresh machine: what was read and found sound before is not there.
    rmSync(join(data, 'workspace'), { recursive: true });
    const spoilt = await start(data);
    const answer = await spoilt.rest.raw('GET', '/v1/workspaces/demo/files/lines');
    expect([answer.status, await answer.json()]).toEqual([
      500,
      expect.objectContaining({ code: 'workspace.object_damaged' }),
    ]);
    const url = `http://sally:${spoilt.rest.token}@127.0.0.1:${spoilt.port}/git/acme/demo`;
    expect((await git(folder(), 'clone', '-q', url, 'clone')).code).not.toBe(0);
    const run = await spoilt.exec(['cat', 'lines'], { mounts: [{ workspace: 'demo', mode: 'rw' }] });
    expect(await spoilt.ended(run.id)).toMatchObject({ state: 'failed' });
    await spoilt.stop(false);
  });

  test('says what is missing when the bucket is not there', async () => {
    const said = await refused(folder(), '--bucket', 's3:no-such-bucket');
    expect(said).toMatchObject({ code: 1, stderr: expect.stringContaining('SALLY_S3_BUCKET') });
  });

  test('keeps the secret key out of every log and process', async () => {
    const data = folder();
    await server.bucket('quiet');
    const stack = await start(data, '--bucket', 's3:quiet');
    await append(stack, 'x');
    const secret = readFileSync(env['SALLY_S3_SECRET_KEY_FILE'] ?? '', 'utf8').trim();
    const { workspace = 0 } = await stack.pids();
    const places = [
      readFileSync(`/proc/${workspace}/environ`, 'utf8'),
      readFileSync(`/proc/${workspace}/cmdline`, 'utf8'),
      readFileSync(join(data, 'logs', 'workspace.log'), 'utf8'),
      readFileSync(join(data, 'bucket.json'), 'utf8'),
      stack.output,
    ];
    for (const place of places) expect(place.includes(secret)).toBe(false);
    await stack.stop(false);
  });
});
