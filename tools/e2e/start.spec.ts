import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { repository } from '../start/options.ts';
import { command, type Said, sally } from './sally.ts';
import { portForStack, StartedStack } from './started-stack.ts';

const folders: string[] = [];
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'sally-start-'));
  folders.push(made);
  return made;
};

afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

const start = (...args: readonly string[]): Promise<Said> =>
  command(process.env['SALLY_TEST_NODE'] ?? process.execPath, [join(repository, 'tools/start/main.ts'), ...args]);

/** Every process whose command line names a folder or another word. */
const processesNaming = (path: string): readonly string[] =>
  readdirSync('/proc').flatMap((name) => {
    try {
      const line = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ') : '';
      return line.includes(path) && Number(name) !== process.pid ? [line.trim()] : [];
    } catch {
      return [];
    }
  });

describe('npm start', () => {
  test('ends on Ctrl-C and leaves no process', async () => {
    const data = folder();
    const stack = await StartedStack.start({ data });
    // Longer than this test may take, and no other process sleeps for as long: it ends because it is ended.
    const nap = `${6_000_000 + process.pid}`;
    const run = await stack.exec(['sh', '-c', `echo begun; sleep ${nap}`]);
    await stack.wrote(run.id, 'begun');
    expect(processesNaming(nap)).not.toEqual([]);
    expect(await stack.stop(false)).toBe(0);
    expect([...processesNaming(data), ...processesNaming(nap)]).toEqual([]);
  });

  test('keeps everything for the second start', async () => {
    const data = folder();
    const first = await StartedStack.start({ data });
    const run = await first.exec(['sh', '-c', 'echo kept']);
    await first.ended(run.id);
    const role = await first.rest.get<Record<string, unknown>>('/v1/roles/editor');
    await first.rest.put('/v1/roles/editor', { ...role, persona: 'You answer to me.' });
    await first.stop(false);
    const second = await StartedStack.start({ data });
    const kept = await second.rest.get<{ provider: { base_url: string } }>('/v1/roles/editor');
    expect(kept).toMatchObject({
      persona: 'You answer to me.',
      provider: { base_url: `http://127.0.0.1:${second.port + 1}` },
    });
    expect(second.rest.token).toBe(first.rest.token);
    expect(await second.written(run.id)).toBe('kept\n');
    await second.stop(false);
  });

  test('loses nothing acknowledged when the whole NATS folder is deleted while stopped', async () => {
    const data = folder();
    const first = await StartedStack.start({ data });
    const run = await first.exec(['sh', '-c', 'echo durable'], { mounts: [{ workspace: 'demo', mode: 'rw' }] });
    await first.ended(run.id);
    const sizeOf = async (stack: StartedStack): Promise<number> =>
      (await stack.rest.get<{ checkpoint: { size: number } }>('/v1/audit/checkpoint?min_size=11')).checkpoint.size;
    const before = await sizeOf(first);
    expect(before).toBeGreaterThan(10);
    await first.stop(false);
    rmSync(join(data, 'nats'), { recursive: true, force: true });
    const second = await StartedStack.start({ data });
    expect(await second.rest.get(`/v1/runs/${run.id}`)).toMatchObject({ state: 'completed' });
    expect(await second.written(run.id)).toBe('durable\n');
    expect(await sizeOf(second)).toBeGreaterThanOrEqual(before);
    expect(await sally(second, 'audit', 'verify')).toMatchObject({ code: 0 });
    await second.stop(false);
  });

  test('beside a running one on the same folder says so and changes nothing', async () => {
    const data = folder();
    const stack = await StartedStack.start({ data });
    const said = await start('--no-demo', '--data', data, '--port', String(await portForStack()));
    expect(said).toMatchObject({ code: 6 });
    expect(said.stderr).toContain(stack.rest.url);
    expect((await stack.rest.raw('GET', '/v1/workspaces')).status).toBe(200);
    await stack.stop(false);
  });

  test('names a taken port and the flag that helps', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const said = await start('--no-demo', '--data', folder(), '--port', String(port));
    server.close();
    expect(said).toMatchObject({ code: 6 });
    expect(said.stderr).toContain(String(port));
    expect(said.stderr).toContain('--port');
  });

  test.each([
    ['unreadable format', (data: string) => writeFileSync(join(data, 'format.json'), '{')],
    ['another format', (data: string) => writeFileSync(join(data, 'format.json'), '{"format":999}')],
    ['state without a format', (data: string) => mkdirSync(join(data, 'postgres'))],
    [
      'an empty secret',
      (data: string) => {
        mkdirSync(join(data, 'secrets'), { mode: 0o700 });
        writeFileSync(join(data, 'secrets', 'nats-api.seed'), '');
      },
    ],
  ])('names a damaged folder: %s', async (_, damage) => {
    const data = folder();
    damage(data);
    const said = await start('--no-demo', '--data', data, '--port', String(await portForStack()));
    expect(said.code).toBe(1);
    expect(said.stderr).toContain(data);
    expect(said.stderr).toMatch(/--data|mv /);
  });

  test('refuses an unknown flag with the usage', async () => {
    const said = await start('--nonsense');
    expect(said).toMatchObject({ code: 2 });
    expect(said.stderr).toContain('--data DIR');
  });

  test('works in a folder that only its owner may enter', async () => {
    const parent = folder();
    chmodSync(parent, 0o700);
    const stack = await StartedStack.start({ data: join(parent, 'data') });
    const run = await stack.exec(['sh', '-c', 'echo inside > note; cat note'], {
      mounts: [{ workspace: 'demo', mode: 'rw' }],
    });
    expect(await stack.ended(run.id)).toMatchObject({ state: 'completed', exit_code: 0 });
    await stack.stop(false);
  });
});
