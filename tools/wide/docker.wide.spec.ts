import { describe, expect, test } from '@jest/globals';
import { askOf, type DockerEngine, need } from '@sallyport/testkit/wide';
import Docker from 'dockerode';

const client = ({ host }: DockerEngine): Docker => new Docker({ socketPath: host.slice('unix://'.length) });

describe('the docker of the wide circle', () => {
  test('answers, and holds the sandbox image as a user without rights', async () => {
    const engine = await need('docker');
    const { Config } = await client(engine).getImage(engine.image).inspect();
    expect(engine.image).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(Config.User).toBe('1000:1000');
    expect(Config.Labels).toMatchObject({ 'sh.sallyport.image': 'sandbox' });
  });

  test('starts again with its images', async () => {
    const before = await need('docker');
    const after = (await askOf('docker', 'restart', { signal: 'SIGKILL' })) as DockerEngine;
    expect(after.pid).not.toBe(before.pid);
    expect(await need('docker')).toEqual(after);
    expect((await client(after).getImage(after.image).inspect()).Id).toBe(after.image);
  });
});
