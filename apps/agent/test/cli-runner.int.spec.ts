import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { AgentEvent } from '../src/event.ts';
import type { Adapter } from '../src/runners/cli/adapter.ts';
import { CliRunner } from '../src/runners/cli/cli-runner.ts';
import type { Patience } from '../src/runners/cli/watchdogs.ts';
import type { Running } from '../src/runners/runner.ts';
import type { SessionFile } from '../src/sessions/session-file.ts';
import { assignmentOf, type Work } from '../src/work.ts';
import { death } from './processes.ts';

/** An agent whose program is whatever shell a test writes, and whose lines are our events or its closing word. */
const adapter: Adapter = {
  agent: {
    runner: 'scripted',
    program: 'scripted',
    package: '@example/scripted',
    version: '9.9.9',
    dialects: ['DIALECT_ANTHROPIC_MESSAGES'],
    features: ['resume', 'stop'],
  },
  instructions: '.scripted/AGENTS.md',
  session: {
    folder: '.scripted/talks',
    keeps: (path, native) => path.endsWith(`/${native}.txt`),
    place: (path, { directory }) => path.replace('.txt', `.in-${directory.split('/').at(-1)}.txt`),
  },
  command: ({ prompt, native }) => ({
    args: native === undefined ? ['new'] : ['resume', native],
    env: { OWN: 'yes' },
    files: [{ path: '.scripted/config', data: 'quiet' }],
    ...(prompt === 'stdin' && { stdin: { text: 'from stdin\n', open: false } }),
    ...(prompt === 'answered' && { stdin: { text: 'question?\n', open: true } }),
  }),
  reader: () => (line) => {
    if (line['ask'] === true) return { events: [], answer: ['no'], denied: ['c1'] };
    if (typeof line['native'] === 'string') return { events: [], native: line['native'] };
    if (line['broken'] === true) return { events: [], closing: { kind: 'model', message: 'terminated' } };
    if (line['done'] === true) return { events: [], closing: { kind: 'done' }, reply: 'Done.' };
    return line['event'] === undefined ? undefined : { events: [line['event'] as AgentEvent] };
  },
};

let folder: string;
let model: Server;
let events: AgentEvent[];
/** Settles with the program's first message. */
let up: PromiseWithResolvers<void>;
/** Settles with the start of its first tool. */
let called: PromiseWithResolvers<void>;
let running: Running | undefined;
let answer: (response: import('node:http').ServerResponse) => void;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-'));
  for (const name of ['home', 'work', 'runners']) await mkdir(join(folder, name));
  events = [];
  up = Promise.withResolvers();
  called = Promise.withResolvers();
  answer = (response) => void response.end();
  model = createServer((_, response) => answer(response));
  model.listen(0, '127.0.0.1');
  await once(model, 'listening');
});

afterEach(async () => {
  jest.useRealTimers();
  running?.stop();
  await running?.ended;
  model.closeAllConnections();
  model.close();
  await rm(folder, { recursive: true, force: true });
});

/** Puts a shell program where npm would. */
async function install(script: string): Promise<void> {
  const package_ = join(folder, 'runners', 'node_modules', '@example', 'scripted');
  await mkdir(package_, { recursive: true });
  await mkdir(join(folder, 'runners', 'node_modules', '.bin'), { recursive: true });
  await writeFile(join(package_, 'package.json'), '{"version":"9.9.8"}');
  await writeFile(join(package_, 'run.sh'), `#!/bin/sh\n${script}\n`);
  await chmod(join(package_, 'run.sh'), 0o755);
  await symlink('../@example/scripted/run.sh', join(folder, 'runners', 'node_modules', '.bin', 'scripted'));
}

const done = `echo '{"done":true}'`;

function start(more: Partial<Work> = {}, patience?: Partial<Patience>): Running {
  const port = (model.address() as AddressInfo).port;
  const runner = new CliRunner(adapter, {
    env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' },
    runners: join(folder, 'runners'),
    patience: { stallMillis: 60_000, lingerMillis: 60_000, ...patience },
  });
  const work: Work = {
    ...assignmentOf({
      runner: 'scripted',
      session: 'talk',
      dialect: 'DIALECT_ANTHROPIC_MESSAGES',
      persona: 'Be kind.',
    }),
    modelUrl: `http://127.0.0.1:${port}`,
    directory: join(folder, 'work'),
    home: join(folder, 'home'),
    input: { id: 'i1', text: 'task' },
    ...more,
  };
  running = runner.start(work, async (event) => {
    events.push(event);
    if ('messageCompleted' in event) up.resolve();
    if ('toolStarted' in event) called.resolve();
  });
  return running;
}

const run = async (script: string, more: Partial<Work> = {}, patience?: Partial<Patience>) => {
  await install(script);
  return start(more, patience).ended;
};

const raws = () => events.flatMap((event) => ('raw' in event ? [event.raw.text] : []));
const reasons = () => events.flatMap((event) => ('error' in event ? [event.error.reason] : []));

describe('lines of a program', () => {
  test('become events in order; what no reader knows, and what is no JSON, stays as it is', async () => {
    const outcome = await run(`
      echo 'plain words'
      echo '{"event":{"messageCompleted":{"text":"hi"}}}'
      echo '{"strange":1}'
      echo '[1]'
      printf 'bytes \\377\\n'
      ${done}`);
    expect(outcome).toMatchObject({ verdict: 'VERDICT_SUCCEEDED', reply: 'Done.', exitCode: 0 });
    expect(events).toEqual([
      { raw: { text: 'plain words' } },
      { messageCompleted: { text: 'hi' } },
      { raw: { text: '{"strange":1}' } },
      { raw: { text: '[1]' } },
      { raw: { text: 'bytes \uFFFD' } },
    ]);
  });

  test('beyond 8 MiB are left out and counted, and the next is read', async () => {
    const outcome = await run(`head -c 9000000 /dev/zero | tr '\\0' x; echo; ${done}`);
    expect(outcome.verdict).toBe('VERDICT_SUCCEEDED');
    expect(raws()).toEqual(['[a line of 9000000 bytes was left out]']);
  });

  test('on stderr are its log, whatever words they hold', async () => {
    const outcome = await run(`echo 'fatal: error failed' >&2; ${done}`);
    expect(outcome.verdict).toBe('VERDICT_SUCCEEDED');
    const data = Buffer.from('fatal: error failed\n').toString('base64');
    expect(events).toEqual([{ output: { stream: 'STREAM_STDERR', data } }]);
  });
});

describe('what a program gets', () => {
  test('is an allow-list of variables, a HOME with its files, and nothing to read', async () => {
    process.env['SALLY_SECRET_OF_THE_SUPERVISOR'] = 'x';
    await run(`env; pwd; cat; cat "$HOME/.scripted/config" "$HOME/.scripted/AGENTS.md"; ${done}`);
    delete process.env['SALLY_SECRET_OF_THE_SUPERVISOR'];
    const said = raws();
    const names = said.flatMap((line) => /^([A-Z_]+)=/.exec(line)?.[1] ?? []).sort();
    expect(names.filter((name) => !['OLDPWD', 'PWD', 'SHLVL', '_'].includes(name))).toEqual([
      'HOME',
      'LANG',
      'OWN',
      'PATH',
      'SALLY_TURN',
    ]);
    expect(said).toEqual(
      expect.arrayContaining([join(folder, 'work'), `HOME=${join(folder, 'home')}`, 'quietBe kind.']),
    );
  });

  test('is its prompt on a stdin that ends', async () => {
    await run(`cat; ${done}`, { input: { id: 'i', text: 'stdin' } });
    expect(raws()).toEqual(['from stdin']);
  });

  test('is an answer on a stdin that stays open until its closing word', async () => {
    const outcome = await run(
      `read -r question; echo '{"event":{"toolStarted":{"call":"c1","tool":"t","arguments":""}}}'; echo '{"ask":true}'
       read -r word; echo "answered $word"
       echo '{"event":{"toolCompleted":{"call":"c1","tool":"t","ok":false,"text":""}}}'; ${done}; cat`,
      { input: { id: 'i', text: 'answered' } },
    );
    expect(raws()).toEqual(['answered no']);
    expect(outcome.verdict).toBe('VERDICT_BLOCKED');
  });
});

describe('a program that hangs', () => {
  test('after its closing word is ended, and has succeeded', async () => {
    const outcome = await run(`${done}; sleep 600`, {}, { lingerMillis: 50 });
    expect(outcome).toMatchObject({ verdict: 'VERDICT_SUCCEEDED', exitCode: 0 });
  });

  test('while it waits for its model is ended as stalled', async () => {
    const outcome = await run(`echo '{"native":"n1"}'; sleep 600`, {}, { stallMillis: 300 });
    expect(outcome.verdict).toBe('VERDICT_RUNNER_ERROR');
    expect(reasons()).toEqual(['runner.stalled']);
  });

  test('after a line that was left out is ended as stalled, whatever call it may have been about', async () => {
    const call = `echo '{"event":{"toolStarted":{"call":"c","tool":"t","arguments":""}}}'`;
    await run(`${call}; head -c 9000000 /dev/zero | tr '\\0' x; echo; sleep 600`, {}, { stallMillis: 1000 });
    expect(reasons()).toEqual(['runner.stalled']);
  });

  test('while a tool runs is left alone', async () => {
    // The silence passes by a clock of the test's own; the look for output that still arrives goes on.
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'setInterval', 'clearInterval'] });
    const go = join(folder, 'go');
    await install(`
      echo '{"event":{"toolStarted":{"call":"c","tool":"t","arguments":""}}}'
      while [ ! -e ${go} ]; do sleep 0.01; done
      echo '{"event":{"toolCompleted":{"call":"c","tool":"t","ok":true,"text":""}}}'; ${done}`);
    const under = start();
    await called.promise;
    jest.advanceTimersByTime(60_000);
    await writeFile(go, '');
    expect((await under.ended).verdict).toBe('VERDICT_SUCCEEDED');
  });

  test('without a closing word has failed as a runner, also with exit code 0', async () => {
    expect((await run('exit 0')).verdict).toBe('VERDICT_RUNNER_ERROR');
    expect(reasons()).toEqual(['runner.no_result']);
  });
});

describe('a model that breaks off', () => {
  const first = (before: string) => `if [ ! -e began ]; then touch began; ${before} echo '{"broken":true}'; exit 1; fi`;
  const call = `echo '{"event":{"toolStarted":{"call":"c","tool":"t","arguments":""}}}';`;

  test('before anything was done is asked once more', async () => {
    expect((await run(`${first('')}; ${done}`)).verdict).toBe('VERDICT_SUCCEEDED');
  });

  test('every time is asked twice', async () => {
    const outcome = await run(`echo once >> tries; echo '{"broken":true}'; exit 1`);
    expect(outcome.verdict).toBe('VERDICT_RUNNER_ERROR');
    expect(reasons()).toEqual(['model.unreachable']);
    expect(await readFile(join(folder, 'work', 'tries'), 'utf8')).toBe('once\nonce\n');
  });

  test('after a call began is not asked again: what was done is not done twice', async () => {
    expect((await run(`${first(call)}; ${done}`)).verdict).toBe('VERDICT_RUNNER_ERROR');
    expect(reasons()).toEqual(['model.unreachable']);
  });
});

describe('the end of a turn', () => {
  test('when it is cancelled reaches a program that minds no signal, its children, and those in sessions of their own', async () => {
    const pids = join(folder, 'pids');
    await install(`trap '' TERM
      (trap '' TERM; echo $$ > ${pids}.1; sleep 600) &
      setsid sh -c 'trap "" TERM; echo $$ > ${pids}.2; sleep 600' &
      echo $$ > ${pids}.0
      while [ ! -s ${pids}.2 ]; do sleep 0.01; done
      echo '{"event":{"messageCompleted":{"text":"up"}}}'
      sleep 600`);
    const under = start();
    await up.promise;
    under.stop();
    expect((await under.ended).verdict).toBe('VERDICT_CANCELLED');
    for (const name of ['0', '2']) await death(Number(await readFile(`${pids}.${name}`, 'utf8')));
  });

  test('ends what it left running, also after a success', async () => {
    const pid = join(folder, 'pid');
    await run(
      `setsid sh -c 'echo $$ > ${pid}; exec sleep 600' >/dev/null 2>&1 & while [ ! -s ${pid} ]; do sleep 0.01; done; ${done}`,
    );
    await death(Number(await readFile(pid, 'utf8')));
  });
});

describe('a conversation', () => {
  const saved: SessionFile = {
    runner: 'scripted',
    version: '9.9.8',
    session: 'talk',
    native: 'n1',
    files: [{ path: '.scripted/talks/n1.txt', data: Buffer.from('before') }],
  };

  test('is saved as the files of its own id alone', async () => {
    const outcome = await run(`mkdir -p "$HOME/.scripted/talks"; cd "$HOME/.scripted/talks"
      echo one > n1.txt; echo two > n2.txt; ln -s /etc/passwd x; echo '{"native":"n1"}'; ${done}`);
    expect(outcome.conversation).toMatchObject({ runner: 'scripted', version: '9.9.8', session: 'talk', native: 'n1' });
    expect(outcome.conversation?.files.map(({ path, data }) => [path, Buffer.from(data).toString()])).toEqual([
      ['.scripted/talks/n1.txt', 'one\n'],
    ]);
  });

  test('goes on from its files where this directory expects them, and what is no part of it is not written', async () => {
    const stray = { path: '.bashrc', data: Buffer.from('evil') };
    const conversation = { ...saved, files: [...saved.files, stray] };
    await run(`echo "$@"; cat "$HOME/.scripted/talks/n1.in-work.txt"; echo; ls -a "$HOME"; ${done}`, { conversation });
    expect(raws()).toEqual(expect.arrayContaining(['resume n1', 'before']));
    expect(raws()).not.toContain('.bashrc');
  });

  test('is kept when the turn was cancelled', async () => {
    await install(`mkdir -p "$HOME/.scripted/talks"; echo one > "$HOME/.scripted/talks/n1.txt"; echo '{"native":"n1"}'
      echo '{"event":{"messageCompleted":{"text":"up"}}}'; sleep 600`);
    const under = start();
    await up.promise;
    under.stop();
    expect(await under.ended).toMatchObject({ verdict: 'VERDICT_CANCELLED', conversation: { native: 'n1' } });
  });
});

describe('before the start', () => {
  test.each<[string, Partial<Work>, string, string]>([
    ['a provider it does not speak to', { dialect: 'DIALECT_GEMINI' }, 'VERDICT_RUNNER_ERROR', 'runner.dialect_unfit'],
    [
      'a model that nobody answers for',
      { modelUrl: 'http://127.0.0.1:9' },
      'VERDICT_RUNNER_ERROR',
      'model.unreachable',
    ],
    ['a HOME that is not there', { home: '/nowhere/home' }, 'VERDICT_FAILED', 'runner.failed'],
  ])('says what is wrong with %s', async (_, more, verdict, reason) => {
    const outcome = await run(`touch ${join(folder, 'ran')}`, more);
    expect({ verdict: outcome.verdict, reasons: reasons() }).toEqual({ verdict, reasons: [reason] });
    await expect(readFile(join(folder, 'ran'))).rejects.toThrow();
  });

  test('is blocked where egress denies the model', async () => {
    answer = (response) => void response.writeHead(403, { 'sally-deny-reason': 'host_not_allowed' }).end();
    expect((await run(done)).verdict).toBe('VERDICT_BLOCKED');
    expect(reasons()).toEqual(['model.denied']);
  });

  test('names the package of a program that is not installed', async () => {
    expect((await start().ended).verdict).toBe('VERDICT_RUNNER_ERROR');
    expect(reasons()).toEqual(['runner.missing']);
    const probe = await new CliRunner(adapter, { env: {}, runners: join(folder, 'runners') }).probe();
    expect(probe).toEqual({
      runner: 'scripted',
      version: '',
      features: ['resume', 'stop'],
      missing: ['@example/scripted@9.9.9'],
    });
  });

  test('a stop that comes at once still counts as one', async () => {
    await install(`sleep 600`);
    const under = start();
    under.stop();
    expect((await under.ended).verdict).toBe('VERDICT_CANCELLED');
  });
});
