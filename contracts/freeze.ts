/**
 * Freezes what is not frozen yet: a JSON example of every message, and the descriptors that `buf breaking` compares with.
 *
 * An example that exists is never written again: a change that alters one is a breaking change and shows as a failing test.
 */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { messages } from './messages.ts';

export const examplesDirectory = fileURLToPath(new URL('examples', import.meta.url));

/** Where the example of a message stands: `examples/<service>/v1/<Message>/full.json`. */
export const exampleFile = (message: DescMessage): string =>
  join(examplesDirectory, ...message.typeName.split('.'), 'full.json');

const wellKnown: Readonly<Record<string, unknown>> = { 'google.protobuf.Timestamp': '2026-01-02T03:04:05.678Z' };

const scalars: Readonly<Record<ScalarType, unknown>> = {
  [ScalarType.STRING]: 'text',
  [ScalarType.BOOL]: true,
  [ScalarType.BYTES]: 'AAEC/w==',
  [ScalarType.INT32]: -7,
  [ScalarType.UINT32]: 7,
  [ScalarType.SINT32]: -7,
  [ScalarType.FIXED32]: 7,
  [ScalarType.SFIXED32]: -7,
  [ScalarType.INT64]: '-9007199254740993',
  [ScalarType.UINT64]: '9007199254740993',
  [ScalarType.SINT64]: '-9007199254740993',
  [ScalarType.FIXED64]: '9007199254740993',
  [ScalarType.SFIXED64]: '-9007199254740993',
  [ScalarType.DOUBLE]: 0.5,
  [ScalarType.FLOAT]: 0.5,
};

function single(field: DescField): unknown {
  if (field.message !== undefined) return exampleOf(field.message);
  if (field.enum !== undefined) return field.enum.values[1]?.name;
  return scalars[field.scalar as ScalarType];
}

/** Canonical JSON of a message with every field set; of each oneof the first member. */
function exampleOf(message: DescMessage): unknown {
  if (wellKnown[message.typeName] !== undefined) return wellKnown[message.typeName];
  const fields = message.fields.filter((field) => field.oneof === undefined || field.oneof.fields[0] === field);
  return Object.fromEntries(
    fields.map((field) => {
      const value = single(field);
      if (field.fieldKind === 'list') return [field.jsonName, [value]];
      if (field.fieldKind === 'map') return [field.jsonName, { key: value }];
      return [field.jsonName, value];
    }),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const message of messages()) {
    const file = exampleFile(message);
    if (existsSync(file)) continue;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify(exampleOf(message), null, 2)}\n`);
  }
}
