import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sally } from './sally.ts';
import { StartedStack } from './started-stack.ts';

let stack: StartedStack;

beforeAll(async () => {
  stack = await StartedStack.start();
});

afterAll(() => stack.stop());

/** C0 but for tab and newline, DEL, and C1: what a terminal would obey. */
const isControl = (point: number): boolean =>
  (point < 0x20 && point !== 0x09 && point !== 0x0a) || (point >= 0x7f && point <= 0x9f);

/** Processes of the machine whose command line holds a word. */
function processesWith(word: string): readonly string[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const line = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return line.includes(word) ? [line.slice(0, 120)] : [];
    } catch {
      return [];
    }
  });
}

const limits = (more: Readonly<Record<string, number>>) => ({ limits: { lifetime_seconds: 200, ...more } });

describe('an agent that misbehaves ends with the stated reason, and its neighbour does not notice', () => {
  const neighbour = async (): Promise<void> => {
    const run = await stack.exec(['sh', '-c', 'echo fine']);
    expect(await stack.ended(run.id)).toMatchObject({ state: 'completed', exit_code: 0 });
    expect(await stack.written(run.id)).toBe('fine\n');
  };

  test('is refused where the kernel cannot limit it, unless the profile says otherwise', async () => {
    const demanding = await stack.exec(['true'], { profile: 'default' });
    const content = await stack.exec(['true'], { profile: 'best-effort' });
    expect(await stack.ended(demanding.id)).toMatchObject(
      stack.limited ? { state: 'completed' } : { state: 'failed', message: expect.stringMatching(/isolation_missing/) },
    );
    expect(await stack.ended(content.id)).toMatchObject({ state: 'completed' });
  });

  test('fills memory: oom, or the end of its own process where only those are limited', async () => {
    const hog = 'const all = []; for (;;) all.push(Buffer.alloc(16 * 1024 * 1024, 1));';
    const run = await stack.exec(['/opt/sallyport/node', '-e', hog], limits({ memory_bytes: 256 * 1024 * 1024 }));
    await neighbour();
    const ended = await stack.ended(run.id);
    expect(ended.state).toBe('failed');
    if (stack.limited) expect(ended.reason).toMatch(/oom/);
  });

  test('forks without end: held by the pids limit, gone with its run', async () => {
    const run = await stack.exec(
      ['sh', '-c', 'bomb() { bomb | bomb & }; bomb; sleep 3; echo survived'],
      limits({ pids: 64 }),
    );
    await neighbour();
    const ended = await stack.ended(run.id);
    expect(['completed', 'failed']).toContain(ended.state);
  });

  test('ignores SIGTERM: cancelled all the same, whole tree gone', async () => {
    const name = `deaf-${process.pid}`;
    const child = `sh -c 'trap "" TERM; echo ${name}; while :; do sleep 1; done'`;
    const run = await stack.exec(['sh', '-c', `trap "" TERM INT; ${child} & while :; do sleep 1; done`]);
    while (!(await stack.written(run.id)).includes(name)) await stack.rest.get(`/v1/runs/${run.id}`);
    expect(processesWith(name)).not.toEqual([]);
    await stack.rest.post(`/v1/runs/${run.id}:cancel`, {});
    expect(await stack.ended(run.id)).toMatchObject({ state: 'cancelled' });
    expect(processesWith(name)).toEqual([]);
  });

  test('outlives its lifetime: max_lifetime', async () => {
    const run = await stack.exec(['sleep', '1000'], { limits: { lifetime_seconds: 2 } });
    expect(await stack.ended(run.id)).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/max_lifetime/),
    });
  });

  test('falls silent: idle_timeout', async () => {
    const run = await stack.exec(['sleep', '1000'], { limits: { idle_seconds: 2, lifetime_seconds: 60 } });
    expect(await stack.ended(run.id)).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/idle_timeout/),
    });
  });

  test('floods its output: capped and counted, the rest of the stack answers', async () => {
    const run = await stack.exec(
      ['sh', '-c', 'cat /dev/zero | head -c 2000000000'],
      limits({ output_bytes: 1024 * 1024 }),
    );
    await neighbour();
    await stack.ended(run.id);
    const events = await stack.events(run.id);
    const kept = events.reduce(
      (sum, event) => sum + (event.type === 'output' ? Buffer.from(String(event.data['data']), 'base64').length : 0),
      0,
    );
    expect(kept).toBeLessThanOrEqual(2 * 1024 * 1024);
    expect(events.filter((event) => event.type === 'output.dropped')).toHaveLength(1);
  });

  test('fills its disk: stopped at the limit', async () => {
    const run = await stack.exec(
      ['sh', '-c', 'while :; do dd if=/dev/zero of=big-$$-$(date +%N) bs=1M count=16 2>/dev/null || exit 9; done'],
      {
        mounts: [{ workspace: 'demo', mode: 'rw' }],
        ...limits({ disk_bytes: 64 * 1024 * 1024 }),
      },
    );
    await neighbour();
    const ended = await stack.ended(run.id);
    expect(ended.state).toBe('failed');
  });

  test('writes terminal escapes and binary: the CLI shows none raw, the bytes stay downloadable', async () => {
    const run = await stack.exec([
      'sh',
      '-c',
      'printf "\\033]52;c;ZXZpbA==\\007\\033[2J\\302\\233 31mred \\377\\000 end\\n"',
    ]);
    await stack.ended(run.id);
    for (const args of [
      ['logs', run.id],
      ['run', 'watch', run.id],
      ['run', 'get', run.id],
    ] as const) {
      const said = await sally(stack, ...args);
      expect(
        Array.from(said.stdout + said.stderr).filter((character) => isControl(character.codePointAt(0) ?? 0)),
      ).toEqual([]);
    }
    const raw = await stack.rest.raw('GET', `/v1/runs/${run.id}/output`);
    expect(Buffer.from(await raw.arrayBuffer()).includes(Buffer.from('\u001b]52;c;', 'latin1'))).toBe(true);
  });

  test('plants hooks, config, filters and links in its workspace: nothing of it ever runs, links are stored as links', async () => {
    const marker = `/tmp/sally-marker-${process.pid}`;
    const plant = [
      `mkdir -p .git/hooks sub/.git nested/.GIT && printf '#!/bin/sh\\ntouch ${marker}\\n' | tee .git/hooks/pre-commit .git/hooks/post-commit sub/.git/hook >/dev/null; chmod -R +x .git`,
      `printf '[core]\\n\\tfsmonitor = touch ${marker}\\n\\thooksPath = .git/hooks\\n\\tsshCommand = touch ${marker}\\n[filter "x"]\\n\\tclean = touch ${marker}\\n\\tsmudge = touch ${marker}\\n[diff "x"]\\n\\ttextconv = touch ${marker}\\n\\tcommand = touch ${marker}\\n' | tee .git/config sub/.git/config > .gitconfig`,
      `printf '* filter=x diff=x\\n' > .gitattributes; printf '[submodule "s"]\\n\\tpath = s\\n\\turl = -u./payload\\n' > .gitmodules`,
      'ln -s /etc/passwd link; ln -s ../../../../etc up; mkfifo pipe; ln -s /proc/1/root proc; echo data > kept.txt',
    ].join('\n');
    const run = await stack.exec(['sh', '-c', plant], { mounts: [{ workspace: 'demo', mode: 'rw' }] });
    const ended = await stack.ended(run.id);
    expect(ended.state).toBe('completed');
    const [commit] = ended.commits;
    const refused = Object.keys(commit?.refused ?? {});
    expect(refused.some((path) => /^\.git(?:\/|$)/.test(path))).toBe(true);
    expect(refused).toContain('pipe');
    for (const args of [
      ['files', 'demo'],
      ['log', 'demo'],
      ['diff', 'demo'],
      ['undo', 'demo'],
    ])
      await sally(stack, 'workspace', ...args);
    const again = await stack.exec(['true'], { mounts: [{ workspace: 'demo', mode: 'rw' }] });
    await stack.ended(again.id);
    expect(readdirSync('/tmp').some((name) => name === marker.slice(5))).toBe(false);
  });
});

describe('bad requests change nothing and say what is wrong', () => {
  const refusals: readonly (readonly [string, Readonly<Record<string, unknown>>, number])[] = [
    ['an unknown role', { role: 'nobody', task: 't' }, 404],
    ['an unknown runner', { runner: 'nothing', task: 't' }, 400],
    [
      'an unknown mount mode',
      { runner: 'exec', argv: ['true'], task: 't', mounts: [{ workspace: 'demo', mode: 'rwx' }] },
      400,
    ],
    [
      'a workspace mounted twice',
      {
        runner: 'exec',
        argv: ['true'],
        task: 't',
        mounts: [
          { workspace: 'demo', mode: 'rw' },
          { workspace: 'demo', mode: 'rw' },
        ],
      },
      400,
    ],
    [
      'a workspace name with a path',
      { runner: 'exec', argv: ['true'], task: 't', mounts: [{ workspace: '../etc', mode: 'ro' }] },
      400,
    ],
    ['a task of 10 MB', { runner: 'exec', argv: ['true'], task: 'x'.repeat(10_000_000) }, 413],
    ['neither role nor runner', { task: 't' }, 400],
    ['an unknown field', { runner: 'exec', argv: ['true'], task: 't', privileged: true }, 400],
  ];

  test.each(refusals)('%s', async (_, body, status) => {
    const before = await stack.rest.get<{ items: readonly unknown[] }>('/v1/runs?limit=200');
    const response = await stack.rest.raw('POST', '/v1/runs', body);
    const problem = (await response.json()) as { code?: string; detail?: string };
    expect({ status: response.status, type: response.headers.get('content-type'), code: typeof problem.code }).toEqual({
      status,
      type: expect.stringContaining('application/problem+json'),
      code: 'string',
    });
    expect((await stack.rest.get<{ items: readonly unknown[] }>('/v1/runs?limit=200')).items).toHaveLength(
      before.items.length,
    );
  });

  test('a workspace that does not exist ends the run with a reason', async () => {
    const run = await stack.exec(['true'], { mounts: [{ workspace: 'missing', mode: 'ro' }] });
    const ended = await stack.ended(run.id);
    expect(ended).toMatchObject({ state: 'failed' });
    expect(ended.reason).not.toBe('');
  });

  test('two rw holders of one workspace at a time: the second fails with a reason', async () => {
    const mounts = { mounts: [{ workspace: 'demo', mode: 'rw' }] };
    const first = await stack.exec(['sh', '-c', 'echo held; sleep 3000'], mounts);
    while (!(await stack.written(first.id)).includes('held')) await stack.rest.get(`/v1/runs/${first.id}`);
    const second = await stack.ended((await stack.exec(['true'], mounts)).id);
    expect(second.state).toBe('failed');
    expect(`${second.reason} ${second.message}`).toMatch(/busy/);
    expect(await stack.rest.get(`/v1/runs/${first.id}`)).toMatchObject({ state: 'running' });
    await stack.rest.post(`/v1/runs/${first.id}:cancel`, {});
    await stack.ended(first.id);
    expect(await stack.ended((await stack.exec(['true'], mounts)).id)).toMatchObject({ state: 'completed' });
  });
});
