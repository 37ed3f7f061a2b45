import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { exampleFile } from '../freeze.ts';
import { files, messages } from '../messages.ts';

const contracts = fileURLToPath(new URL('..', import.meta.url));

describe('contracts', () => {
  test('list every proto file', () => {
    const protos = globSync('*/v1/*.proto', { cwd: contracts }).map((file) => file.replace(/\.proto$/, ''));
    expect(files.map((file) => file.name).sort()).toEqual(protos.sort());
  });

  test.each(messages().map((message) => [message.typeName, message] as const))(
    '%s: the frozen example parses and prints the same',
    (_, message) => {
      const example: unknown = JSON.parse(readFileSync(exampleFile(message), 'utf8'));
      const parsed = fromJson(message, example as never);
      expect(toJson(message, parsed)).toEqual(example);
      expect(toJson(message, fromBinary(message, toBinary(message, parsed)))).toEqual(example);
    },
  );
});
