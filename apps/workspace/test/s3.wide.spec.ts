import { globSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { S3Server } from '../../../tools/wide/s3-server.ts';
import { WorkspaceWorld } from './workspace-world.ts';

let server: S3Server;
let world: WorkspaceWorld;
let env: Record<string, string>;

beforeAll(async () => {
  server = await S3Server.start();
  const { endpoint = '', bucket, accessKeyFile, secretKeyFile } = await server.bucket('workspaces');
  env = {
    SALLY_S3_ENDPOINT: endpoint,
    SALLY_S3_BUCKET: bucket,
    SALLY_S3_ACCESS_KEY_FILE: accessKeyFile,
    SALLY_S3_SECRET_KEY_FILE: secretKeyFile,
  };
  world = await WorkspaceWorld.start(env);
});

afterAll(async () => {
  await world.close();
  await server.stop();
});

async function imported(name: string): Promise<void> {
  const session = await world.session();
  const directory = world.repository(name, { 'README.md': `# ${name}\n`, 'data.txt': 'x'.repeat(300_000) });
  const upload = await world.upload(world.api, session, world.bundle(directory));
  await world.api.importWorkspace({ name, upload }, session);
}

const readme = async (workspace: string): Promise<string> => {
  const { data } = await world.api.readFile({ workspace, path: 'README.md' }, await world.session());
  return Buffer.from(data).toString();
};

/** The stored packs of a workspace, as files of the server. */
const packsOf = (name: string): readonly string[] =>
  globSync(`org/*/ws/${name}/packs/*`, { cwd: server.filesOf('workspaces') }).map((it) =>
    join(server.filesOf('workspaces'), it),
  );

describe('a workspace in an S3 bucket', () => {
  test('is served from the bucket alone by another process', async () => {
    await imported('kept');
    await world.stopService();
    await world.host(env);
    expect(await readme('kept')).toBe('# kept\n');
  });

  test('is nowhere in the bucket in the clear', async () => {
    await imported('secret');
    expect(packsOf('secret')).not.toHaveLength(0);
    for (const file of packsOf('secret')) expect(readFileSync(file).includes('README')).toBe(false);
  });

  test.each([
    ['missing', (file: string) => rmSync(file)],
    ['cut', (file: string) => truncateSync(file, 200)],
    ['emptied', (file: string) => truncateSync(file, 0)],
    [
      'altered',
      (file: string) => {
        const bytes = readFileSync(file);
        bytes[100] = (bytes[100] ?? 0) ^ 1;
        writeFileSync(file, bytes);
      },
    ],
  ])('says that a stored pack is damaged and serves nothing of it: %s', async (how, damage) => {
    const name = `damaged-${how}`;
    await imported(name);
    await world.stopService();
    for (const file of packsOf(name)) damage(file);
    await world.host(env);
    await expect(readme(name)).rejects.toMatchObject({ code: 'internal', reason: 'workspace.object_damaged' });
  });

  test('says that the bucket does not answer, not that the content is damaged', async () => {
    await imported('away');
    await world.stopService();
    await world.host(env);
    await server.stop();
    await expect(readme('away')).rejects.toMatchObject({ code: 'unavailable', reason: 'store.bucket' });
  });
});
