import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Stream, Verdict } from '@sallyport/contracts/unit/v1/event';
import { config } from '../src/config.ts';
import { ExecRunner } from '../src/runners/exec.ts';
import { supervise } from '../src/supervisor.ts';
import { Emitter } from '../src/tether/emitter.ts';
import { Tether } from '../src/tether/tether.ts';
import { death, isAlive } from './processes.ts';
import { TetherServer } from './tether-server.ts';

let runtime: TetherServer;
let home: string;
let signalled: AbortController;

beforeEach(async () => {
  runtime = await TetherServer.start();
  home = await mkdtemp(join(tmpdir(), 'exec-'));
});

afterEach(async () => {
  await runtime.close();
  await rm(home, { recursive: true });
});

function start(argv: readonly string[], over: Record<string, unknown> = {}): Promise<number> {
  runtime.work = { runner: 'exec', argv, directory: home, ...over };
  const tether = new Tether(runtime.path);
  const emitter = new Emitter((first, events) => tether.emit(first, events));
  const runners = [new ExecRunner(config.childEnv)];
  signalled = new AbortController();
  const parts = { tether, emitter, runners, version: 'spec', home: join(home, 'home'), network: Promise.resolve() };
  return supervise(parts, signalled.signal).finally(() => tether.close());
}

const sh = (script: string): Promise<number> => start(['/bin/sh', '-c', script]);

function output(stream: Stream): Buffer {
  return Buffer.concat(
    runtime.events.flatMap(({ body }) =>
      body.case === 'output' && body.value.stream === stream ? [body.value.data] : [],
    ),
  );
}

const result = () => runtime.events.flatMap(({ body }) => (body.case === 'result' ? [body.value] : [])).at(-1);

describe('the exec runner', () => {
  test('passes both streams on, byte for byte', async () => {
    expect(await sh("printf 'a\\377\\000b'; printf 'c\\033[31m' >&2")).toBe(0);
    expect(output(Stream.STDOUT)).toEqual(Buffer.from([0x61, 0xff, 0, 0x62]));
    expect(output(Stream.STDERR).toString()).toBe('c\u001b[31m');
  });

  test('loses nothing of a large output and keeps each event at most 64 KiB', async () => {
    expect(await sh('head -c 30000000 /dev/zero')).toBe(0);
    expect(output(Stream.STDOUT)).toHaveLength(30_000_000);
    for (const { body } of runtime.events) {
      if (body.case === 'output') expect(body.value.data.length).toBeLessThanOrEqual(64 * 1024);
    }
  });

  test.each([
    ['exit 0', Verdict.SUCCEEDED, 0],
    ['exit 3', Verdict.FAILED, 3],
    ['kill -9 $$', Verdict.FAILED, 137],
  ])('turns "%s" into a verdict and an exit code, its own and the sandbox\'s', async (script, verdict, exitCode) => {
    expect(await sh(script)).toBe(exitCode);
    expect(result()).toMatchObject({ verdict, exitCode });
  });

  test.each([
    [['/nonexistent/program'], 'exec.not_found', 127],
    [['/etc/passwd'], 'exec.not_started', 126],
    [[], 'exec.not_started', 126],
  ])('says that %j could not be started', async (argv, reason, exitCode) => {
    expect(await start(argv)).toBe(exitCode);
    expect(runtime.events[1]?.body).toMatchObject({ case: 'error', value: { reason } });
    expect(result()).toMatchObject({ verdict: Verdict.RUNNER_ERROR, exitCode });
  });

  test('gives its command the task as a file, no input and a plain environment', async () => {
    await start(['/bin/sh', '-c', 'cat "$SALLY_TASK_FILE"; cat; env'], {
      start: { inline: 'the task\n' },
      modelUrl: 'http://m',
      model: 'x',
    });
    const [task, ...env] = output(Stream.STDOUT).toString().trim().split('\n');
    expect(task).toBe('the task');
    expect(env).toEqual(
      expect.arrayContaining(['TERM=dumb', 'CI=1', 'NO_COLOR=1', 'SALLY_MODEL_URL=http://m', 'SALLY_MODEL=x']),
    );
    expect(env.filter((line) => /NODE_OPTIONS|JEST|SALLY_TETHER/.test(line))).toEqual([]);
  });

  test('kills what the command left behind', async () => {
    await sh(`sleep 1000 & echo $! > ${home}/pid`);
    expect(result()).toMatchObject({ verdict: Verdict.SUCCEEDED });
    await death(Number(await readFile(join(home, 'pid'), 'utf8')));
  });

  test('does not wait for what escaped its group', async () => {
    await sh(`setsid sh -c 'echo $$ > ${home}/pid; exec sleep 1000' & until [ -s ${home}/pid ]; do sleep 0.01; done`);
    expect(result()).toMatchObject({ verdict: Verdict.SUCCEEDED });
    const pid = Number(await readFile(join(home, 'pid'), 'utf8'));
    expect(await isAlive(pid)).toBe(true);
    process.kill(pid, 'SIGKILL');
  });

  test.each([
    ['the platform', () => runtime.stop()],
    ['a signal', () => signalled.abort()],
  ])('is stopped by %s, whole group, TERM ignored', async (_name, stop) => {
    const ended = sh(
      'trap "" TERM; (trap "" TERM; while :; do sleep 0.05; done) & echo $!; while :; do sleep 0.05; done',
    );
    const event = await runtime.event(({ body }) => body.case === 'output');
    stop();
    // Nothing but the kill ends it.
    expect(await ended).not.toBe(0);
    expect(result()).toMatchObject({ verdict: Verdict.CANCELLED });
    const pid = event.body.case === 'output' ? Buffer.from(event.body.value.data).toString() : '';
    await death(Number(pid));
  });
});

describe('a broken tether', () => {
  test('loses and doubles nothing when the runtime comes back', async () => {
    const go = join(home, 'go');
    const ended = sh(`i=0; until [ -e ${go} ]; do i=$((i + 1)); echo line $i; sleep 0.01; done`);
    await runtime.event(({ body }) => body.case === 'output');
    for (const _ of [1, 2, 3]) {
      await runtime.crash();
      await runtime.listen();
      const seen = runtime.events.length;
      await runtime.event((event) => runtime.events.indexOf(event) >= seen);
    }
    await writeFile(go, '');
    expect(await ended).toBe(0);
    const lines = output(Stream.STDOUT).toString().trim().split('\n');
    expect(lines).toEqual(lines.map((_, at) => `line ${at + 1}`));
    expect(lines.length).toBeGreaterThan(3);
  });

  test('sends again what was taken without an answer', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    runtime.hold = promise;
    const ended = sh('echo once');
    await runtime.emitting;
    await runtime.crash();
    runtime.hold = undefined;
    resolve();
    await runtime.listen();
    expect(await ended).toBe(0);
    expect(output(Stream.STDOUT).toString()).toBe('once\n');
  });

  test('is waited for at the start', async () => {
    await runtime.crash();
    const ended = sh('echo late');
    await runtime.listen();
    expect(await ended).toBe(0);
  });
});
