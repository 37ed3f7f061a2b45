import { describe, expect, test } from '@jest/globals';
import { checkAuthor } from './principal.ts';

const refused = (field: string) => expect.objectContaining({ reason: 'identity.argument', detail: { field } });

describe('an author', () => {
  test.each(['Ada', 'Ada Lovelace', 'Łukasz', '王小明', "O'Neil, Jr."])('may be named %j', (name) => {
    expect(() => checkAuthor(name, 'a@example.org')).not.toThrow();
  });

  test.each(['', ' Ada', 'Ada ', 'Ada <x@y>', 'Ada\ncommitter Eve', 'Ada\0', 'a'.repeat(201)])(
    'may not be named %j',
    (name) => {
      expect(() => checkAuthor(name, 'a@example.org')).toThrow(refused('name'));
    },
  );

  test.each(['', 'ada', 'a@b@c', 'a b@c', 'a@b\n', '<a@b>', `${'a'.repeat(65)}@b`])(
    'may not be reached at %j',
    (email) => {
      expect(() => checkAuthor('Ada', email)).toThrow(refused('email'));
    },
  );
});
