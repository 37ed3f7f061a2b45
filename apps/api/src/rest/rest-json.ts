/**
 * The REST form of a contract message: field names as the contract spells them, enum values in lower snake case without
 * their prefix, 64-bit integers as JSON numbers, times as RFC 3339 text, bytes as base64. An unspecified enum is left out.
 */

import {
  type DescEnum,
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  ScalarType,
  toJson,
} from '@bufbuild/protobuf';

type Direction = 'out' | 'in';

const longTypes: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
]);

/** Whether a message has a JSON form of its own that is not an object of its fields. */
export const isWellKnown = (desc: DescMessage): boolean => desc.typeName.startsWith('google.protobuf.');

export const isLong = (scalar: ScalarType): boolean => longTypes.has(scalar);

/** `RUN_STATE_RUNNING` as `running`. */
export const enumWord = (desc: DescEnum, name: string): string =>
  name.slice(desc.sharedPrefix?.length ?? 0).toLowerCase();

/** Every word of an enum but the unspecified one. */
export const enumWords = (desc: DescEnum): readonly string[] =>
  desc.values.filter((value) => value.number !== 0).map((value) => enumWord(desc, value.name));

/** The REST form of a message. */
export function toRest<S extends DescMessage>(desc: S, message: MessageShape<S>): JsonObject {
  const json = toJson(desc, message, { alwaysEmitImplicit: true, useProtoFieldName: true });
  return walk(desc, json as JsonObject, 'out');
}

/** The message of a REST form. Throws a plain Error when the form does not fit; callers validate first. */
export function fromRest<S extends DescMessage>(desc: S, json: JsonObject): MessageShape<S> {
  return fromJson(desc, walk(desc, json, 'in'));
}

const fieldsByName = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

function fieldsOf(desc: DescMessage): ReadonlyMap<string, DescField> {
  const known = fieldsByName.get(desc);
  if (known !== undefined) return known;
  const fields = new Map(desc.fields.map((field) => [field.name, field]));
  fieldsByName.set(desc, fields);
  return fields;
}

function walk(desc: DescMessage, json: JsonObject, direction: Direction): JsonObject {
  const fields = fieldsOf(desc);
  const out: JsonObject = {};
  for (const [key, value] of Object.entries(json)) {
    const field = fields.get(key);
    if (field === undefined) {
      out[key] = value;
      continue;
    }
    const mapped = walkField(field, value, direction);
    if (mapped !== undefined) out[key] = mapped;
  }
  return out;
}

function walkField(field: DescField, value: JsonValue, direction: Direction): JsonValue | undefined {
  switch (field.fieldKind) {
    case 'enum':
      return mapEnum(field.enum, value, direction);
    case 'message':
      return mapMessage(field.message, value, direction);
    case 'scalar':
      return mapScalar(field.scalar, value, direction);
    case 'list':
      return Array.isArray(value) ? value.map((item) => mapItem(field, item, direction) ?? null) : value;
    case 'map':
      return isObject(value)
        ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapItem(field, item, direction) ?? null]))
        : value;
  }
}

function mapItem(
  field: DescField & { fieldKind: 'list' | 'map' },
  value: JsonValue,
  direction: Direction,
): JsonValue | undefined {
  if (field.enum !== undefined) return mapEnum(field.enum, value, direction);
  if (field.message !== undefined) return mapMessage(field.message, value, direction);
  return mapScalar(field.scalar, value, direction);
}

function mapEnum(desc: DescEnum, value: JsonValue, direction: Direction): JsonValue | undefined {
  if (typeof value !== 'string') return value;
  if (direction === 'in') return `${desc.sharedPrefix ?? ''}${value}`.toUpperCase();
  return value === desc.values[0]?.name ? undefined : enumWord(desc, value);
}

function mapMessage(desc: DescMessage, value: JsonValue, direction: Direction): JsonValue {
  return isWellKnown(desc) || !isObject(value) ? value : walk(desc, value, direction);
}

/** Protobuf JSON writes 64-bit integers as text; every number of the product stays far below 2^53. */
function mapScalar(scalar: ScalarType, value: JsonValue, direction: Direction): JsonValue {
  return direction === 'out' && isLong(scalar) && typeof value === 'string' ? Number(value) : value;
}

const isObject = (value: JsonValue): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
