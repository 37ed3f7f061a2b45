import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { eventIn, teamAuditEvent, teamRunEvent, teamUnitIn, teamUnitOut } from '@sallyport/bus/subject';
import { parse } from 'yaml';
import { documentFile, documentText, type Schema } from './asyncapi.ts';

interface Channel {
  readonly address: string | null;
  readonly parameters?: Schema;
  readonly messages: Schema;
}

interface AsyncApi {
  readonly asyncapi: string;
  readonly channels: Readonly<Record<string, Channel>>;
  readonly operations: Readonly<Record<string, Schema>>;
  readonly components: Readonly<Record<'messages' | 'schemas', Schema>>;
}

const document = parse(readFileSync(documentFile, 'utf8')) as AsyncApi;

/** Every `$ref` below a value. */
function refsIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    key === '$ref' && typeof each === 'string' ? [each] : refsIn(each),
  );
}

const at = (ref: string): unknown =>
  ref
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((value, key) => (value as Readonly<Record<string, unknown>> | undefined)?.[key], document);

describe('the AsyncAPI document', () => {
  test('has the schemas of the contracts as they are now', () => {
    expect(readFileSync(documentFile, 'utf8')).toBe(documentText());
  });

  test('names no thing that it does not hold, and holds no schema or message that nothing names', () => {
    expect(document.asyncapi).toBe('3.0.0');
    const refs = new Set(refsIn(document));
    expect([...refs].filter((ref) => at(ref) === undefined)).toEqual([]);
    const held = (['messages', 'schemas'] as const).flatMap((kind) =>
      Object.keys(document.components[kind]).map((name) => `#/components/${kind}/${name}`),
    );
    expect(held.filter((ref) => !refs.has(ref))).toEqual([]);
  });

  test('has the subjects of the bus, and a parameter for each part of them', () => {
    const addresses = Object.fromEntries(
      Object.entries(document.channels).map(([name, { address }]) => [name, address]),
    );
    expect(addresses).toEqual({
      runs: teamRunEvent('{org}', '{environment}', '{run}'),
      output: teamUnitOut('{org}', '{environment}', '{dispatch}'),
      audit: teamAuditEvent('{org}', '{environment}', '{what}'),
      events: eventIn('{org}', '{environment}', '{team}'),
      inputs: teamUnitIn('{org}', '{environment}', '{dispatch}', '{team}'),
      replies: null,
    });
    for (const { address, parameters = {} } of Object.values(document.channels))
      expect(Object.keys(parameters)).toEqual([...(address ?? '').matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
  });

  test('has an operation for every channel but that of replies', () => {
    const used = Object.values(document.operations).map(({ channel }) => refsIn({ channel })[0]);
    const channels = Object.keys(document.channels).filter((name) => name !== 'replies');
    expect(new Set(used)).toEqual(new Set(channels.map((name) => `#/channels/${name}`)));
    expect(used).toHaveLength(channels.length);
  });
});
