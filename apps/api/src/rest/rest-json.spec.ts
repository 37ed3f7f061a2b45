import { create, type DescMessage, equals, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from '@jest/globals';
import { EventSchema, Outcome } from '@sallyport/contracts/audit/v1/audit';
import {
  CreateRunRequestSchema,
  RoleSchema,
  type Run,
  RunSchema,
  RunState,
} from '@sallyport/contracts/schedule/v1/schedule';
import { Dialect, DialectSchema, MountMode } from '@sallyport/contracts/unit/v1/unit';
import { enumWord, fromRest, toRest } from './rest-json.ts';
import { answerSchema, inputSchema } from './rest-schema.ts';

const aRun = (): Run =>
  create(RunSchema, {
    id: 'run_1',
    state: RunState.COMPLETED,
    since: timestampFromMs(1_764_000_000_123),
    mounts: [{ workspace: 'demo', mode: MountMode.RW }],
    epoch: 3n,
    exitCode: 0,
    commits: [{ workspace: 'demo', commit: 'a'.repeat(40), files: 2, refused: { '.git/hooks': 'reserved' } }],
  });

describe('the REST form', () => {
  test('spells names as the contract, enums in lower case, longs as numbers and times in RFC 3339', () => {
    expect(toRest(RunSchema, aRun())).toMatchObject({
      state: 'completed',
      since: '2025-11-24T16:00:00.123Z',
      mounts: [{ workspace: 'demo', mode: 'rw' }],
      epoch: 3,
      exit_code: 0,
      commits: [{ files: 2, refused: { '.git/hooks': 'reserved' } }],
      role: '',
    });
  });

  test('leaves out what is unspecified or absent', () => {
    const rest = toRest(RunSchema, create(RunSchema));
    for (const name of ['state', 'verdict', 'since', 'exit_code']) expect(rest).not.toHaveProperty(name);
  });

  test.each<[string, DescMessage, object]>([
    [
      'a role',
      RoleSchema,
      {
        name: 'r',
        provider: { dialect: Dialect.OPENAI_CHAT, baseUrl: 'http://x' },
        limits: { memoryBytes: 5n, idleSeconds: -1 },
      },
    ],
    [
      'a request',
      CreateRunRequestSchema,
      { role: 'r', start: { start: { case: 'inline', value: 'x' } }, mounts: [{ workspace: 'w', mode: MountMode.RO }] },
    ],
    ['an audit event', EventSchema, { id: 'x', seq: 9n, outcome: Outcome.DENY, hashes: { tree: 'f' } }],
  ])('of %s comes back as the same message', (_, desc, init) => {
    const message = create(desc, init as never);
    const back = fromRest(desc, toRest(desc, message));
    expect(equals(desc, back, message)).toBe(true);
    expect(toBinary(desc, back)).toEqual(toBinary(desc, message));
  });

  test('fits the schema that OpenAPI shows', () => {
    expect(answerSchema(RunSchema).safeParse(toRest(RunSchema, aRun())).success).toBe(true);
  });

  test('refuses unknown fields, words and types in what comes in', () => {
    const schema = inputSchema(RoleSchema);
    for (const wrong of [
      { colour: 'red' },
      { provider: { dialect: 'telepathy' } },
      { limits: { memory_bytes: '5' } },
      { limits: { pids: 1.5 } },
    ]) {
      expect(schema.safeParse(wrong).success).toBe(false);
    }
    expect(schema.safeParse({ provider: { dialect: 'gemini' } }).success).toBe(true);
  });

  test('spells an enum value without its prefix', () => {
    expect(enumWord(DialectSchema, 'DIALECT_OPENAI_CHAT')).toBe('openai_chat');
  });
});
