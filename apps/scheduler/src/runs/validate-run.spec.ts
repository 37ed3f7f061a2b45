import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import {
  type CreateRunRequest,
  CreateRunRequestSchema,
  type Role,
  RoleSchema,
} from '@sallyport/contracts/schedule/v1/schedule';
import { Dialect, MountMode } from '@sallyport/contracts/unit/v1/unit';
import { unitFor } from './compose-unit.ts';
import { checkRequest, maxTaskBytes } from './validate-run.ts';

type Init = Exclude<MessageInitShape<typeof CreateRunRequestSchema>, CreateRunRequest>;

const frame = { run: 'run_1', task: 'task_1', org: 'acme', environment: 'main', subject: 'usr_1' };
const text = (value: string) => ({ start: { case: 'inline' as const, value } });
const provider = { name: 'scripted', dialect: Dialect.ANTHROPIC_MESSAGES, baseUrl: 'http://127.0.0.1:9' };
const aRole = (change: Exclude<MessageInitShape<typeof RoleSchema>, Role> = {}) =>
  create(RoleSchema, {
    name: 'writer',
    runner: 'native',
    provider,
    mounts: [{ workspace: 'company', mode: MountMode.RO }],
    ...change,
  });

/** What CreateRun does with a request before it calls anybody. */
const judge = (init: Init, role = aRole()) => {
  const request = create(CreateRunRequestSchema, init);
  checkRequest(request);
  return unitFor(request, init.role ? role : undefined, frame);
};

const ok: Init = { role: 'writer', start: text('do it') };
const exec: Init = { runner: 'exec', argv: ['true'] };

const refused: readonly [string, Init, string, string][] = [
  ['neither role nor runner', { start: text('x') }, 'scheduler.role_or_runner', '/role'],
  ['role and runner', { ...ok, runner: 'exec' }, 'scheduler.role_or_runner', '/role'],
  ['a role that is no name', { ...ok, role: '../etc' }, 'scheduler.name_invalid', '/role'],
  ['an unknown runner', { ...exec, runner: 'bash' }, 'scheduler.runner_unknown', '/runner'],
  ['a runner with a terminal escape', { ...exec, runner: '\u001b[2J' }, 'scheduler.runner_unknown', '/runner'],
  ['a profile that is no name', { ...ok, profile: 'a/b' }, 'scheduler.name_invalid', '/profile'],
  ['no start', { role: 'writer' }, 'scheduler.start_missing', '/start'],
  ['an empty start', { role: 'writer', start: {} }, 'scheduler.start_missing', '/start'],
  ['a blank task', { role: 'writer', start: text(' \n ') }, 'scheduler.start_missing', '/start'],
  [
    'a task one byte over the limit',
    { role: 'writer', start: text('x'.repeat(maxTaskBytes + 1)) },
    'scheduler.task_too_large',
    '/start/inline',
  ],
  [
    'a task over the limit in bytes and not in characters',
    { role: 'writer', start: text('é'.repeat(maxTaskBytes / 2 + 1)) },
    'scheduler.task_too_large',
    '/start/inline',
  ],
  [
    'a path that leaves the mount',
    { ...ok, start: { start: { case: 'path', value: 'a/../../b' } } },
    'scheduler.start_invalid',
    '/start/path',
  ],
  [
    'an absolute path',
    { ...ok, start: { start: { case: 'path', value: '/etc/passwd' } } },
    'scheduler.start_invalid',
    '/start/path',
  ],
  [
    'a session without a rw mount',
    { ...ok, start: { start: { case: 'session', value: 's.json' } } },
    'scheduler.start_invalid',
    '/start/session',
  ],
  [
    'a path without a mount',
    { ...exec, start: { start: { case: 'path', value: 'plan.md' } } },
    'scheduler.start_invalid',
    '/start/path',
  ],
  ['a mount without a mode', { ...ok, mounts: [{ workspace: 'demo' }] }, 'scheduler.mount_invalid', '/mounts/0/mode'],
  [
    'a mount with an unknown mode',
    { ...ok, mounts: [{ workspace: 'demo', mode: 9 as MountMode }] },
    'scheduler.mount_invalid',
    '/mounts/0/mode',
  ],
  [
    'a mount that is no name',
    { ...ok, mounts: [{ workspace: 'De/mo', mode: MountMode.RW }] },
    'scheduler.name_invalid',
    '/mounts/0/workspace',
  ],
  [
    'a workspace mounted twice',
    {
      ...ok,
      mounts: [
        { workspace: 'demo', mode: MountMode.RW },
        { workspace: 'demo', mode: MountMode.RW },
      ],
    },
    'scheduler.mount_twice',
    '/mounts/1/workspace',
  ],
  [
    'a workspace the role mounts already',
    { ...ok, mounts: [{ workspace: 'company', mode: MountMode.RW }] },
    'scheduler.mount_twice',
    '/mounts/0/workspace',
  ],
  [
    'more mounts than a sandbox takes',
    { ...ok, mounts: Array.from({ length: 40 }, (_, index) => ({ workspace: `w${index}`, mode: MountMode.RO })) },
    'scheduler.mount_invalid',
    '/mounts',
  ],
  ['exec without a command', { runner: 'exec' }, 'scheduler.argv_invalid', '/argv'],
  ['exec with an empty command', { runner: 'exec', argv: [''] }, 'scheduler.argv_invalid', '/argv/0'],
  ['a NUL in an argument', { runner: 'exec', argv: ['a', 'b\0c'] }, 'scheduler.argv_invalid', '/argv/1'],
  [
    'too many arguments',
    { runner: 'exec', argv: Array.from({ length: 257 }, () => 'x') },
    'scheduler.argv_invalid',
    '/argv',
  ],
  ['too long a command', { runner: 'exec', argv: ['x'.repeat(65_537)] }, 'scheduler.argv_invalid', '/argv'],
  ['a command for the native runner', { ...ok, argv: ['true'] }, 'scheduler.argv_invalid', '/argv'],
  ['native without a provider', { runner: 'native', start: text('x') }, 'scheduler.provider_missing', '/role'],
  ['a negative limit', { ...ok, limits: { pids: -1 } }, 'scheduler.limit_invalid', '/limits/pids'],
  ['an absurd limit', { ...ok, limits: { memoryBytes: 2n ** 60n } }, 'scheduler.limit_invalid', '/limits/memoryBytes'],
  ['a key with a newline', { ...ok, idempotencyKey: 'a\nb' }, 'scheduler.text_invalid', '/idempotency_key'],
  ['a key that is too long', { ...ok, idempotencyKey: 'k'.repeat(256) }, 'scheduler.text_invalid', '/idempotency_key'],
  ['a session with an escape', { ...ok, session: '\u001b]0;x' }, 'scheduler.name_invalid', '/session'],
];

describe('a run request', () => {
  test.each(refused)('is refused with %s', (_what, init, reason, pointer) => {
    expect(() => judge(init)).toThrow(
      expect.objectContaining({ code: 'invalid_argument', reason, detail: expect.objectContaining({ pointer }) }),
    );
  });

  test('may narrow its role and never widen it', () => {
    const role = aRole({ profile: 'small', limits: { pids: 64, idleSeconds: 60 } });
    const widened = (init: Init) => expect(() => judge({ ...ok, ...init }, role));
    widened({ limits: { pids: 65 } }).toThrow(expect.objectContaining({ reason: 'scheduler.limit_raised' }));
    widened({ limits: { idleSeconds: -1 } }).toThrow(expect.objectContaining({ reason: 'scheduler.limit_raised' }));
    widened({ profile: 'default' }).toThrow(expect.objectContaining({ reason: 'scheduler.profile_fixed' }));
    expect(judge({ ...ok, limits: { pids: 32, turns: 5 } }, role)).toMatchObject({
      profile: 'small',
      limits: { pids: 32, idleSeconds: 60, turns: 5 },
    });
  });

  test('becomes an envelope with the role’s mounts first and every identity from the session', () => {
    const unit = judge({ ...ok, mounts: [{ workspace: 'demo', mode: MountMode.RW }], idempotencyKey: 'k1' });
    expect(unit).toMatchObject({
      dispatch: '',
      run: 'run_1',
      task: 'task_1',
      role: 'writer',
      runner: 'native',
      profile: 'default',
    });
    expect(unit.identity).toMatchObject({ org: 'acme', environment: 'main', subject: 'usr_1', launcher: 'usr_1' });
    expect(unit.mounts.map(({ workspace, mode }) => [workspace, mode])).toEqual([
      ['company', MountMode.RO],
      ['demo', MountMode.RW],
    ]);
    expect(unit.trigger?.reference).toBe('k1');
  });

  test('of a bare command is its own task', () => {
    expect(judge({ runner: 'exec', argv: ['echo', 'hi'] }).start?.start).toEqual({ case: 'inline', value: 'echo hi' });
  });
});
