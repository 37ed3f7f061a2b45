import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { HttpServer } from '../src/http/server.ts';
import { Routes } from '../src/routes.ts';
import { FakeStack } from './fakes/fake-stack.ts';

let stack: FakeStack;

beforeAll(async () => {
  stack = await FakeStack.start();
});
afterAll(() => stack.stop());

/** A path of the router as OpenAPI writes it. */
const inOpenApi = (path: string): string =>
  path
    .replace(/:(\w+)\{\[\^\/:\]\+(:\w+)\}/, '{$1}$2')
    .replace(/:(\w+)\{\.\+\}/, '{$1}')
    .replaceAll(/\/:(\w+)/g, '/{$1}');

describe('the OpenAPI document', () => {
  test('lists every route that is mounted and no other', async () => {
    const document = (await (await stack.fetch('/openapi.json', { key: null })).json()) as {
      openapi: string;
      paths: Record<string, Record<string, unknown>>;
    };
    const listed = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const mounted = stack
      .provider(HttpServer)
      .mounted()
      .filter(({ method, path }) => method !== 'ALL' && path !== '/openapi.json')
      .map(({ method, path }) => `${method} ${inOpenApi(path)}`);
    expect(document.openapi).toBe('3.1.0');
    expect(listed.sort()).toEqual(mounted.sort());
  });

  test('is what the reference lists', async () => {
    const page = readFileSync(new URL('../../../docs/reference/rest.md', import.meta.url), 'utf8');
    const listed = [...page.matchAll(/^\| `((?:GET|POST|PUT|DELETE) \S+)` \|/gm)].flatMap(([, route]) => route ?? []);
    const routes = stack.provider(Routes).all();
    expect(routes.map(({ method, path }) => `${method.toUpperCase()} ${path.replace('+}', '}')}`).sort()).toEqual(
      listed.sort(),
    );
  });
});
