import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type Docker from 'dockerode';
import { repository } from '../start/options.ts';
import { DockerGround } from './docker-ground.ts';
import { dockerProbe } from './docker-probe.ts';
import { command, type Said } from './sally.ts';
import { portForStack, type RunView, StartedStack, textOf } from './started-stack.ts';

const folders: string[] = [];
const node = process.env['SALLY_TEST_NODE'] ?? process.execPath;

/** The entrypoint as a person starts it, to its end. */
async function startOnce(env: Readonly<Record<string, string>>): Promise<Said> {
  const data = mkdtempSync(join(tmpdir(), 'sally-dk-e2e-'));
  folders.push(data);
  const flags = ['--once', '--data', data, '--port', String(await portForStack())];
  return command(node, [join(repository, 'tools/start/main.ts'), ...flags], { env });
}

let ground: DockerGround;
let bystanders: readonly Docker.Container[];
let stack: StartedStack;

beforeAll(async () => {
  ground = await DockerGround.open('process');
  // One of nobody's, and one that bears a label of ours but is of no install.
  bystanders = await Promise.all([
    ground.bystander(),
    ground.bystander({ 'sh.sallyport.workload': 'dsp_00000000000000000000000000' }),
  ]);
  stack = await StartedStack.start({ env: ground.env });
});

afterAll(async () => {
  await Promise.all(bystanders.map((container) => container.remove({ force: true })));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const inDocker = (argv: readonly string[], more: Readonly<Record<string, unknown>> = {}): Promise<RunView> =>
  stack.exec(argv, { profile: 'docker-small', ...more });

async function said(run: RunView, text: string): Promise<void> {
  while (!(await stack.written(run.id)).includes(text)) await stack.rest.get(`/v1/runs/${run.id}`);
}

describe('npm start with SALLY_BACKEND=docker', () => {
  test('runs the demo in Docker, both refusals shown, says so, and leaves no container', async () => {
    const { code, stdout, stderr } = await startOnce({ ...ground.env, SALLY_BACKEND: 'docker' });
    if (code !== 0) throw new Error(`npm start ended with ${code}:\n${stdout}${stderr}`);
    for (const stage of ['accepted', 'sandbox', 'attested', 'mounted', 'started', 'captured', 'ended'])
      expect(stdout).toContain(stage);
    expect(stdout).toMatch(/read-only file system/i);
    expect(stdout).toContain('host_not_allowed');
    expect(stdout).toMatch(/checkpoint of \d+ events verified offline/);
    expect(stderr).toMatch(/^Docker \S+ at unix:\S+, sandbox image sha256:\w+…: agents run in it$/m);
    await ground.cleared();
  });

  test.each<readonly [string, Readonly<Record<string, string>>]>([
    ['an image by its tag', { SALLY_DOCKER_IMAGE: 'sallyport/sandbox:latest' }],
    ['an image by a short id', { SALLY_DOCKER_IMAGE: 'f7cc73cb4fe9' }],
    ['an image that the engine has not', { SALLY_DOCKER_IMAGE: `sha256:${'0'.repeat(64)}` }],
    ['an engine on another machine', { SALLY_DOCKER_HOST: 'tcp://127.0.0.1:2375' }],
    ['an engine that does not answer', { SALLY_DOCKER_HOST: 'unix:///nowhere/docker.sock' }],
  ])('is refused with the remedy for %s', async (_, env) => {
    const refused = await startOnce({ ...ground.env, SALLY_BACKEND: 'docker', ...env });
    expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining('Remedy: ') });
  });
});

describe('a role that runs in Docker by its profile', () => {
  test('commits what it wrote, and may not write what it may only read', async () => {
    expect(stack.output).toMatch(/^Docker \S+ at unix:\S+, .*: profiles docker and docker-\* run in it$/m);
    const role = await stack.rest.get<Readonly<Record<string, unknown>>>('/v1/roles/editor');
    const { provider } = role;
    await stack.rest.put('/v1/roles/boxed', { name: 'boxed', runner: 'exec', provider, profile: 'docker' });
    const run = await stack.create({
      role: 'boxed',
      argv: ['sh', '-c', 'echo boxed > boxed.txt; sh -c "echo x > /workspace/company/x"; cat /proc/1/comm'],
      task: 'write',
      mounts: [
        { workspace: 'demo', mode: 'rw' },
        { workspace: 'company', mode: 'ro' },
      ],
    });
    expect(await stack.ended(run.id)).toMatchObject({
      state: 'completed',
      commits: [{ workspace: 'demo', files: 1 }],
    });
    expect(await stack.written(run.id)).toMatch(/read-only file system/i);
    const events = await stack.events(run.id);
    expect(events.some((event) => event.type === 'committed' && textOf(event, 'commit') !== '')).toBe(true);
  });

  test('is held by the engine to no network, no capability, no privilege, and its profile’s sizes', async () => {
    const run = await inDocker(['sh', '-c', 'echo up; sleep 300'], { limits: { memory_bytes: 134_217_728, pids: 50 } });
    await said(run, 'up');
    const { dispatch } = await stack.rest.get<RunView>(`/v1/runs/${run.id}`);
    const { Config, HostConfig, Image, NetworkSettings, Mounts } = await ground.inspect(dispatch);
    expect(Image).toBe(ground.env['SALLY_DOCKER_IMAGE']);
    expect(Config.User).not.toMatch(/^0?(?::|$)/);
    expect(Object.keys(NetworkSettings.Networks)).toEqual(['none']);
    expect(HostConfig).toMatchObject({
      NetworkMode: 'none',
      Privileged: false,
      CapDrop: ['ALL'],
      ReadonlyRootfs: true,
      PidMode: '',
      IpcMode: 'private',
      CgroupnsMode: 'private',
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'none' },
      Memory: 134_217_728,
      MemorySwap: 134_217_728,
      PidsLimit: 51,
    });
    expect([HostConfig.CapAdd ?? [], HostConfig.Devices ?? [], HostConfig.Binds ?? []]).toEqual([[], [], []]);
    expect(HostConfig.SecurityOpt).toContain('no-new-privileges');
    expect(HostConfig.SecurityOpt.some((option: string) => option.startsWith('seccomp={'))).toBe(true);
    // Whatever of the host is seen inside is the edge's own, and nothing of it may be written.
    const bundle = join(repository, 'dist', 'agent', 'agent.mjs');
    const own = [realpathSync(join(stack.data, 'runtime')), join(stack.data, 'runners'), node, bundle];
    for (const { Source, RW } of Mounts) {
      expect(RW).toBe(false);
      expect({ Source, isOwn: own.some((folder) => `${Source}/`.startsWith(`${folder}/`)) }).toEqual({
        Source,
        isOwn: true,
      });
    }
    await stack.rest.post(`/v1/runs/${run.id}:cancel`, {});
    expect(await stack.ended(run.id)).toMatchObject({ state: 'cancelled' });
    await expect(ground.inspect(dispatch)).rejects.toThrow('no container');
  });

  test('finds these walls from inside', async () => {
    const run = await inDocker(['/opt/sallyport/node', '--input-type=module', '-e', dockerProbe]);
    const ended = await stack.ended(run.id);
    const line = /PROBE (.+)/.exec(await stack.written(run.id))?.[1];
    if (line === undefined) throw new Error(`the probe did not end: ${ended.state} ${ended.reason} ${ended.message}`);
    const seen = JSON.parse(line) as Readonly<Record<string, unknown>>;
    expect(seen).toMatchObject({
      links: 'lo',
      caps: '0000000000000000',
      nnp: '1',
      seccomp: '2',
      setuid: '0',
      sys: '0',
      files: '1024',
      core: '0',
      devices: '0',
      sockets: '0',
    });
    expect(Number(seen['uid'])).toBeGreaterThan(0);
    expect(seen['gid']).toBe(seen['uid']);
    const sizeOf = (text: unknown): number =>
      String(text)
        .split(' ')
        .map(Number)
        .reduce((a, b) => a * b);
    expect([sizeOf(seen['tmp']), sizeOf(seen['shm'])]).toEqual([64 * 1024 ** 2, 16 * 1024 ** 2]);
    for (const [name, value] of Object.entries(seen)) {
      if (name.startsWith('http '))
        expect({ name, value }).toEqual({ name, value: expect.stringMatching(/^HTTP\/1\.1 403 /) });
      if (/^(write |mount$|userns$|route$)/.test(name))
        expect({ name, value }).toEqual({ name, value: expect.stringMatching(/^failed: /) });
    }
    expect(seen['name']).toMatch(/^403 .*"reason":"host_not_allowed".*"decision":"dec_[0-9a-z]{26}"/);
    expect(Number(seen['processes'])).toBeLessThan(12);
    for (const name of seen['env'] as readonly string[])
      expect(name).not.toMatch(/TOKEN|KEY|SECRET|SEED|PASSWORD|DATABASE|NATS/);
  });
});

describe('what a caller may not bring to a container', () => {
  const asked = { runner: 'exec', argv: ['true'], task: 't', profile: 'docker' };

  test.each<readonly [string, Readonly<Record<string, unknown>>]>([
    ['an image', { image: 'debian:latest' }],
    ['a privilege', { privileged: true }],
    ['a capability', { cap_add: ['SYS_ADMIN'] }],
    ['a device', { devices: ['/dev/kvm'] }],
    ['a user', { user: '0:0' }],
    ['a host network', { network_mode: 'host' }],
    ['a host path beside its mounts', { binds: ['/:/host'] }],
    ['a host path as a workspace', { mounts: [{ workspace: '/etc', mode: 'ro' }] }],
    ['a host path beside a workspace', { mounts: [{ workspace: 'demo', mode: 'rw', source: '/etc' }] }],
    ['a device among its limits', { limits: { devices: 1 } }],
    ['a path as its profile', { profile: '../docker' }],
    ['an image as its profile', { profile: 'debian:latest' }],
  ])('%s is refused at the door, and nothing starts', async (_, more) => {
    const before = await stack.rest.get<{ items: readonly unknown[] }>('/v1/runs?limit=200');
    const response = await stack.rest.raw('POST', '/v1/runs', { ...asked, ...more });
    expect([response.status, response.headers.get('content-type')]).toEqual([
      400,
      expect.stringContaining('application/problem+json'),
    ]);
    await response.body?.cancel();
    const after = await stack.rest.get<{ items: readonly unknown[] }>('/v1/runs?limit=200');
    expect(after.items).toHaveLength(before.items.length);
  });

  test('a profile that asks more of the engine than this one promises starts nothing', async () => {
    const run = await stack.ended((await stack.exec(['true'], { profile: 'docker-strict' })).id);
    expect(run).toMatchObject({ state: 'failed', message: expect.stringContaining('isolation_missing') });
    await ground.cleared();
  });

  test('a profile that nobody has waits with its reason, and starts nothing', async () => {
    const { id } = await stack.exec(['true'], { profile: 'docker-privileged' });
    while ((await stack.rest.get<RunView>(`/v1/runs/${id}`)).reason !== 'no_edge');
    expect(await ground.ours()).toEqual([]);
    await stack.rest.post(`/v1/runs/${id}:cancel`, {});
    expect(await stack.ended(id)).toMatchObject({ state: 'cancelled' });
  });
});

describe('a run in Docker', () => {
  test('goes on while the runtime is killed, and is taken over', async () => {
    const run = await inDocker(['sh', '-c', 'echo before; sleep 5; echo after > after.txt; echo after'], {
      mounts: [{ workspace: 'demo', mode: 'rw' }],
    });
    await said(run, 'before');
    const { runtime = 0 } = await stack.pids();
    process.kill(runtime, 'SIGKILL');
    expect(await stack.ended(run.id)).toMatchObject({ state: 'completed', exit_code: 0, commits: [{ files: 1 }] });
    expect(await stack.written(run.id)).toBe('before\nafter\n');
    expect((await stack.pids())['runtime']).not.toBe(runtime);
  });

  test('is ended with the product, which leaves no container and touches nobody else’s', async () => {
    const run = await inDocker(['sh', '-c', 'trap "" TERM; echo up; sleep 300 & wait; sleep 300']);
    await said(run, 'up');
    expect(await ground.ours()).not.toEqual([]);
    expect(await stack.stop()).toBe(0);
    expect(await ground.ours()).toEqual([]);
    for (const container of bystanders)
      expect((await container.inspect()).State).toMatchObject({ Running: true, Restarting: false, ExitCode: 0 });
  });
});
