/** Zod schemas of the REST form, derived from the contract: what OpenAPI shows cannot drift from what is sent. */

import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { z } from '@hono/zod-openapi';
import { enumWords, isLong, isWellKnown } from './rest-json.ts';

const answers = new Map<string, z.ZodObject>();
const inputs = new Map<string, z.ZodObject>();

/** Schema of a message as the API answers it; a named OpenAPI component. */
export function answerSchema(desc: DescMessage): z.ZodObject {
  return memo(answers, desc, () => {
    const shape = Object.fromEntries(desc.fields.map((field) => [field.name, answerField(field)]));
    return z.object(shape).openapi(desc.name);
  });
}

/** Schema of a message as a caller sends it: every field optional, unknown fields refused. */
export function inputSchema(desc: DescMessage): z.ZodObject {
  return memo(inputs, desc, () => {
    const shape = Object.fromEntries(
      desc.fields.map((field) => [field.name, fieldSchema(field, inputSchema).optional()]),
    );
    return z.strictObject(shape).openapi(`${desc.name}Input`);
  });
}

function memo(cache: Map<string, z.ZodObject>, desc: DescMessage, make: () => z.ZodObject): z.ZodObject {
  const known = cache.get(desc.typeName);
  if (known !== undefined) return known;
  const made = make();
  cache.set(desc.typeName, made);
  return made;
}

function answerField(field: DescField): z.ZodType {
  const schema = fieldSchema(field, answerSchema);
  const mayMiss =
    field.presence !== FeatureSet_FieldPresence.IMPLICIT || field.oneof !== undefined || field.fieldKind === 'enum';
  const always = field.fieldKind === 'list' || field.fieldKind === 'map';
  return mayMiss && !always ? schema.optional() : schema;
}

function fieldSchema(field: DescField, nested: (desc: DescMessage) => z.ZodObject): z.ZodType {
  if (field.fieldKind === 'list') return z.array(itemSchema(field, nested));
  if (field.fieldKind === 'map') return z.record(z.string(), itemSchema(field, nested));
  return itemSchema(field, nested);
}

function itemSchema(field: DescField, nested: (desc: DescMessage) => z.ZodObject): z.ZodType {
  if (field.enum !== undefined) return wordSchema(enumWords(field.enum));
  if (field.message !== undefined) return isWellKnown(field.message) ? z.iso.datetime() : nested(field.message);
  return scalarSchema(field.scalar ?? ScalarType.STRING);
}

const wordSchema = (words: readonly string[]): z.ZodType => z.enum([...words] as [string, ...string[]]);

function scalarSchema(scalar: ScalarType): z.ZodType {
  if (scalar === ScalarType.BOOL) return z.boolean();
  if (scalar === ScalarType.BYTES) return z.base64();
  if (scalar === ScalarType.STRING) return z.string();
  if (scalar === ScalarType.DOUBLE || scalar === ScalarType.FLOAT) return z.number();
  return isLong(scalar) ? z.int() : z.int32();
}
