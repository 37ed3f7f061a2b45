import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { askOf } from '@sallyport/testkit/wide';
import { DockerGround } from '../e2e/docker-ground.ts';
import { StartedStack } from '../e2e/started-stack.ts';
import { chaos } from './chaos.ts';

let ground: DockerGround;
let stack: StartedStack;

beforeAll(async () => {
  ground = await DockerGround.open('docker');
  stack = await StartedStack.start({ env: ground.env });
});

afterAll(async () => {
  await stack.stop();
  await ground.cleared();
});

/** As its operator restarts it, containers kept or taken down in turn. */
let restarts = 0;
async function engine(): Promise<void> {
  await askOf('docker', 'end', { signal: 'SIGKILL' });
  restarts += 1;
  await askOf('docker', 'start', restarts % 2 === 0 ? { flags: ['--live-restore'] } : {});
}

test('runtime and engine killed at random while agents run in Docker: every run ends with a reason, none twice, no container is left', async () => {
  const report = await chaos(stack, {
    kills: 6,
    seed: 20_261_122,
    victims: ['runtime', 'engine', 'scheduler', 'engine', 'runtime'],
    beside: { engine },
    alive: async () => (await ground.ours()).map(({ State, Names }) => `${State} ${Names.join()}`),
  });
  expect(report).toMatchObject({ broken: [] });
  expect(report.kills['engine']).toBeGreaterThan(0);
  expect(report.kills['runtime']).toBeGreaterThan(0);
});
