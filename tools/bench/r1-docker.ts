/**
 * R1: from the API's accept to the first byte of an agent in Docker, against the engine's own API doing the same create, attach and
 * start of the same image and argv, with a tether that answers at once. The engine is the run's own, of tools/wide.
 */

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { StartedStack } from '../e2e/started-stack.ts';
import { repository } from '../start/options.ts';
import { imageIn, startEngine } from '../wide/docker.ts';
import { serveTether } from './bare-sandbox.ts';
import { type Bench, figure, interleave, median, percentile } from './bench.ts';
import { firstAgentByte, native } from './r2-dispatch.ts';

const runsPerRound = 8;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** What anybody would give an agent who starts it by hand: no network, no rights, limits. */
const bodyOf = (image: string, tether: string): Docker.ContainerCreateOptions => ({
  Image: image,
  User: '1000:1000',
  Entrypoint: ['/opt/sallyport/node'],
  Cmd: ['--no-warnings', '/opt/sallyport/agent.mjs'],
  AttachStdout: true,
  AttachStderr: true,
  HostConfig: {
    NetworkMode: 'none',
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    ReadonlyRootfs: true,
    Memory: 1024 ** 3,
    MemorySwap: 1024 ** 3,
    CpuPeriod: 100_000,
    CpuQuota: 100_000,
    PidsLimit: 256,
    Tmpfs: { '/tmp': 'rw,exec,nosuid,nodev,mode=1777,size=536870912' },
    Binds: [
      `${process.execPath}:/opt/sallyport/node:ro`,
      `${join(repository, 'dist/agent/agent.mjs')}:/opt/sallyport/agent.mjs:ro`,
      `${tether}:/run/sally:ro`,
    ],
  },
});

/** Milliseconds from the first call of the engine to the first event of the agent. */
async function bareContainer(docker: Docker, image: string): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'sally-r1-'));
  chmodSync(directory, 0o755);
  const first = Promise.withResolvers<number>();
  const server = await serveTether(join(directory, 'tether.sock'), native, () => first.resolve(performance.now()));
  chmodSync(join(directory, 'tether.sock'), 0o777);
  const started = performance.now();
  const container = await docker.createContainer(bodyOf(image, directory));
  const stream = await container.attach({ stream: true, stdout: true, stderr: true });
  stream.resume();
  await container.start();
  const took = (await first.promise) - started;
  await container.remove({ force: true });
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true, force: true });
  return took;
}

export const r1: Bench = {
  id: 'R1',
  async run({ rounds }) {
    const engine = await startEngine(say);
    let stack: StartedStack | undefined;
    try {
      const image = await imageIn(engine.docker, 'sandbox', say);
      const host = `unix://${engine.socket}`;
      const env = { SALLY_BACKEND: 'docker', SALLY_DOCKER_HOST: host, SALLY_DOCKER_IMAGE: image };
      const started = await StartedStack.start({ env });
      stack = started;
      const stages = new Map<string, number[]>();
      const all: Record<'ours' | 'floor', number[]> = { ours: [], floor: [] };
      const repeat = async (arm: keyof typeof all, one: () => Promise<number>): Promise<number> => {
        const times: number[] = [];
        for (let index = 0; index < runsPerRound; index += 1) times.push(await one());
        all[arm].push(...times);
        return median(times);
      };
      const measured = await interleave(
        {
          ours: () => repeat('ours', () => firstAgentByte(started, stages)),
          floor: () => repeat('floor', () => bareContainer(engine.docker, image)),
        },
        rounds,
      );
      // The first round of both arms is thrown away here too.
      const late = (arm: keyof typeof all): number => percentile(all[arm].slice(runsPerRound), 0.95);
      const detail = Object.fromEntries([...stages].map(([stage, times]) => [`${stage} ms`, median(times)]));
      return figure(
        {
          id: 'R1',
          what: 'API accept to first agent byte in Docker / bare create, attach, start',
          bar: { atMost: 1.25 },
        },
        measured,
        { unit: 'ms', 'p95 ratio (bar 1.4)': late('ours') / late('floor'), ...detail },
      );
    } finally {
      await stack?.stop();
      await engine.remove();
    }
  },
};
