import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { RoleSchema } from '@sallyport/contracts/schedule/v1/schedule';
import { Dialect, MountMode } from '@sallyport/contracts/unit/v1/unit';
import { checkRole } from './validate-role.ts';

type Init = MessageInitShape<typeof RoleSchema>;

const provider = { name: 'scripted', dialect: Dialect.OPENAI_CHAT, baseUrl: 'https://models.example.org/v1' };
const ok: Init = { name: 'writer', runner: 'native', provider };
const at = (baseUrl: string): Init => ({ ...ok, provider: { ...provider, baseUrl } });

const refused: readonly [string, Init, string, string][] = [
  ['no name', { ...ok, name: '' }, 'scheduler.name_invalid', '/role/name'],
  ['a name in capitals', { ...ok, name: 'Writer' }, 'scheduler.name_invalid', '/role/name'],
  ['no runner', { ...ok, runner: '' }, 'scheduler.runner_unknown', '/role/runner'],
  ['native without a provider', { name: 'writer', runner: 'native' }, 'scheduler.provider_missing', '/role'],
  [
    'a provider without a name',
    { ...ok, provider: { ...provider, name: '' } },
    'scheduler.name_invalid',
    '/role/provider/name',
  ],
  [
    'no dialect',
    { ...ok, provider: { ...provider, dialect: Dialect.UNSPECIFIED } },
    'scheduler.provider_invalid',
    '/role/provider/dialect',
  ],
  [
    'an unknown dialect',
    { ...ok, provider: { ...provider, dialect: 99 as Dialect } },
    'scheduler.provider_invalid',
    '/role/provider/dialect',
  ],
  ['no address', at(''), 'scheduler.provider_invalid', '/role/provider/base_url'],
  ['a file address', at('file:///etc/passwd'), 'scheduler.provider_invalid', '/role/provider/base_url'],
  ['a script address', at('javascript:alert(1)'), 'scheduler.provider_invalid', '/role/provider/base_url'],
  [
    'a password in the address',
    at('https://me:secret@models.example.org'),
    'scheduler.provider_invalid',
    '/role/provider/base_url',
  ],
  [
    'a query in the address',
    at('https://models.example.org/?key=1'),
    'scheduler.provider_invalid',
    '/role/provider/base_url',
  ],
  [
    'a model with a line break',
    { ...ok, provider: { ...provider, model: 'a\r\nX-Evil: 1' } },
    'scheduler.text_invalid',
    '/role/provider/model',
  ],
  ['a tool that is no name', { ...ok, tools: ['bash', 'rm -rf'] }, 'scheduler.text_invalid', '/role/tools/1'],
  [
    'a mount without a mode',
    { ...ok, mounts: [{ workspace: 'demo' }] },
    'scheduler.mount_invalid',
    '/role/mounts/0/mode',
  ],
  [
    'a workspace mounted ro and rw',
    {
      ...ok,
      mounts: [
        { workspace: 'demo', mode: MountMode.RO },
        { workspace: 'demo', mode: MountMode.RW },
      ],
    },
    'scheduler.mount_twice',
    '/role/mounts/1/workspace',
  ],
  ['a negative limit', { ...ok, limits: { turns: -3 } }, 'scheduler.limit_invalid', '/role/limits/turns'],
  ['a persona over the limit', { ...ok, persona: 'x'.repeat(65_537) }, 'scheduler.text_invalid', '/role/persona'],
];

describe('a role', () => {
  test.each(refused)('is refused with %s', (_what, init, reason, pointer) => {
    expect(() => checkRole(create(RoleSchema, init))).toThrow(
      expect.objectContaining({ code: 'invalid_argument', reason, detail: expect.objectContaining({ pointer }) }),
    );
  });

  test('is taken with a plain http or https provider, and exec without any', () => {
    expect(() => checkRole(create(RoleSchema, ok))).not.toThrow();
    expect(() => checkRole(create(RoleSchema, at('http://127.0.0.1:8080/v1')))).not.toThrow();
    expect(() =>
      checkRole(create(RoleSchema, { name: 'shell', runner: 'exec', limits: { idleSeconds: -1 } })),
    ).not.toThrow();
  });
});
