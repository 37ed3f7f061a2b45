/**
 * The schemas of `docs/integrate/asyncapi.yaml`, from the contracts: `node tools/e2e/asyncapi.ts` writes them into the document.
 *
 * What is told is closed, so that a message the document does not know is seen by the test that captures them.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { EventSchema } from '@sallyport/contracts/audit/v1/audit';
import { RunEventSchema } from '@sallyport/contracts/schedule/v1/schedule';
import { UnitEventSchema } from '@sallyport/contracts/unit/v1/event';
import { parseDocument } from 'yaml';

export type Schema = Readonly<Record<string, unknown>>;

export const documentFile = new URL('../../docs/integrate/asyncapi.yaml', import.meta.url);

const text: Schema = { type: 'string' };
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const wide: Schema = { type: 'string', pattern: '^-?[0-9]+$' };

const scalars: Readonly<Partial<Record<ScalarType, Schema>>> = {
  [ScalarType.STRING]: text,
  [ScalarType.BOOL]: { type: 'boolean' },
  [ScalarType.BYTES]: { type: 'string', contentEncoding: 'base64' },
  [ScalarType.INT32]: { type: 'integer' },
  [ScalarType.UINT32]: { type: 'integer', minimum: 0 },
  [ScalarType.INT64]: wide,
  [ScalarType.UINT64]: wide,
};

/** JSON Schemas of messages in their protobuf JSON form, and of all they hold, by type name. */
function schemasOf(roots: readonly DescMessage[]): Readonly<Record<string, Schema>> {
  const found = new Map<string, Schema>();
  const named = (desc: DescMessage | DescEnum): Schema => {
    if (desc.typeName === 'google.protobuf.Timestamp') return { type: 'string', format: 'date-time' };
    if (!found.has(desc.typeName)) {
      found.set(desc.typeName, {});
      found.set(
        desc.typeName,
        desc.kind === 'enum' ? { enum: desc.values.map(({ name }) => name) } : objectOf(desc, fieldOf),
      );
    }
    return ref(desc.typeName);
  };
  const single = (scalar: ScalarType | undefined, other: DescMessage | DescEnum | undefined): Schema => {
    const schema = scalar === undefined ? other && named(other) : scalars[scalar];
    if (schema === undefined) throw new Error(`no schema for scalar type ${String(scalar)}`);
    return schema;
  };
  const fieldOf = (field: DescField): Schema => {
    const of = single(field.scalar, field.message ?? field.enum);
    if (field.fieldKind === 'list') return { type: 'array', items: of };
    if (field.fieldKind === 'map') return { type: 'object', additionalProperties: of };
    return of;
  };
  for (const root of roots) named(root);
  return Object.fromEntries([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function objectOf(desc: DescMessage, fieldOf: (field: DescField) => Schema): Schema {
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(desc.fields.map((field) => [field.jsonName, fieldOf(field)])),
    ...(desc.oneofs.length === 0
      ? {}
      : {
          allOf: desc.oneofs.map(({ fields }) => ({ oneOf: fields.map(({ jsonName }) => ({ required: [jsonName] })) })),
        }),
  };
}

const required = (properties: Readonly<Record<string, Schema>>, ...optional: readonly string[]): Schema => ({
  type: 'object',
  additionalProperties: false,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
});

/** What is no contract of the services: what teams say, what they are answered, and the headers of what they are told. */
const spoken: Readonly<Record<string, Schema>> = {
  told: {
    type: 'object',
    description:
      'CloudEvents 1.0 in binary mode. The id is the same when a message is told again; ce-sequence is its position.',
    required: ['Nats-Msg-Id', 'ce-specversion', 'ce-id', 'ce-source', 'ce-type', 'ce-sequence'],
    properties: {
      'Nats-Msg-Id': text,
      'ce-specversion': { const: '1.0' },
      'ce-id': text,
      'ce-source': { type: 'string', pattern: '^/sallyport/orgs/[a-z0-9-]+/environments/[a-z0-9-]+$' },
      'ce-type': text,
      'ce-subject': { type: 'string', description: 'What it is about; left out where there is no one thing.' },
      'ce-time': { type: 'string', format: 'date-time' },
      'ce-datacontenttype': { const: 'application/json' },
      'ce-dataschema': text,
      'ce-sequence': { type: 'string', pattern: '^[0-9]+$', description: 'Position in the run, dispatch or log.' },
      'ce-omitted': { type: 'string', description: 'Bytes of the data that was too large and is left out.' },
    },
  },
  cloudEvent: {
    type: 'object',
    required: ['specversion', 'id', 'source', 'type'],
    properties: {
      specversion: { const: '1.0' },
      id: { type: 'string', minLength: 1, maxLength: 256 },
      source: { type: 'string', minLength: 1, maxLength: 1024 },
      type: { type: 'string', minLength: 1, maxLength: 256 },
      subject: { type: 'string', maxLength: 1024 },
      time: { type: 'string', format: 'date-time' },
      datacontenttype: { type: 'string', maxLength: 256 },
      data: {},
      data_base64: { type: 'string', contentEncoding: 'base64' },
    },
  },
  input: {
    ...required(
      { id: text, text: { type: 'string', minLength: 1 }, cancel: text, leave: { const: true } },
      'id',
      'text',
      'cancel',
      'leave',
    ),
    oneOf: ['text', 'cancel', 'leave'].map((name) => ({ required: [name] })),
  },
  eventTaken: required({ id: { type: 'string', pattern: '^evt_' }, replayed: { type: 'boolean' } }),
  inputTaken: required({
    id: { type: 'string', pattern: '^inp_' },
    run: { type: 'string', pattern: '^run_' },
    replayed: { type: 'boolean' },
  }),
  fault: required({
    code: text,
    reason: { type: 'string', pattern: '^[a-z-]+\\.[a-z_]+$' },
    message: text,
    detail: { type: 'object', additionalProperties: text },
  }),
};

/** The document as it should be: what is written by hand, with the schemas of the contracts. */
export function documentText(): string {
  const document = parseDocument(readFileSync(documentFile, 'utf8'));
  const schemas = { ...spoken, ...schemasOf([RunEventSchema, UnitEventSchema, EventSchema]) };
  document.setIn(['components', 'schemas'], document.createNode(schemas, { aliasDuplicateObjects: false }));
  return document.toString({ lineWidth: 140 });
}

if (process.argv[1] === import.meta.filename) writeFileSync(documentFile, documentText());
