import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { connectionOf, defaultUrl } from './config.ts';

let folder: string;
let deep: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sally-config-'));
  deep = join(folder, 'a', 'b');
  mkdirSync(deep, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const project = (url?: string, tokenFile?: string): void => {
  mkdirSync(join(folder, '.sally'));
  writeFileSync(join(folder, '.sally', 'cli.json'), JSON.stringify({ url, tokenFile }));
  writeFileSync(join(folder, '.sally', 'token'), 'sally_project\n');
};

/** What a piece of work throws. */
function thrown(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

describe('the connection', () => {
  test('is the default when nothing is said', () => {
    expect(connectionOf({}, {}, deep)).toEqual({
      url: defaultUrl,
      urlFrom: 'default',
      token: undefined,
      tokenFrom: 'nowhere',
    });
  });

  test('comes from the project, here or above', () => {
    project('http://127.0.0.1:9000/');
    expect(connectionOf({}, {}, deep)).toMatchObject({
      url: 'http://127.0.0.1:9000',
      urlFrom: 'project',
      token: 'sally_project',
    });
  });

  test('takes the environment over the project, and a flag over both', () => {
    project('http://127.0.0.1:9000');
    const env = { SALLY_URL: 'http://127.0.0.1:9001', SALLY_TOKEN: 'sally_env' };
    expect(connectionOf({}, env, deep)).toMatchObject({
      url: env.SALLY_URL,
      token: 'sally_env',
      tokenFrom: 'environment',
    });
    expect(connectionOf({ url: 'http://127.0.0.1:9002', token: 'sally_flag' }, env, deep)).toMatchObject({
      urlFrom: 'flag',
      token: 'sally_flag',
    });
  });

  test.each(['token', '.sally/token'])('finds a key file named as %s', (tokenFile) => {
    project(undefined, tokenFile);
    expect(connectionOf({}, {}, deep).token).toBe('sally_project');
  });

  test('refuses an address that is none', () => {
    expect(thrown(() => connectionOf({ url: 'ftp://x' }, {}, deep))).toMatchObject({ exitCode: 2 });
  });
});
