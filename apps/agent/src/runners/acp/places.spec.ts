import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Places } from './places.ts';

let folder: string;
let places: Places;
const at = (...path: string[]): string => join(folder, ...path);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'places-'));
  await mkdir(at('in', 'deep'), { recursive: true });
  await mkdir(at('in-another'));
  await writeFile(at('in', 'a.txt'), 'one\ntwo\nthree\n');
  await writeFile(at('outside.txt'), 'secret');
  await symlink(at('outside.txt'), at('in', 'link.txt'));
  await symlink(folder, at('in', 'up'));
  places = new Places([at('in')]);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('places', () => {
  test.each<[string, number, number | undefined, string]>([
    ['whole', 1, undefined, 'one\ntwo\nthree\n'],
    ['from a line on', 2, undefined, 'two\nthree\n'],
    ['some lines of it', 2, 1, 'two'],
    ['no line of it', 1, 0, ''],
  ])('serve a file: %s', async (_, line, limit, text) => {
    expect(await places.read(at('in', 'a.txt'), line, limit)).toBe(text);
  });

  test('write what is there and what is not, to its last byte', async () => {
    await places.write(at('in', 'a.txt'), 'new');
    await places.write(at('in', 'deep', 'b.txt'), 'b');
    expect(await readFile(at('in', 'a.txt'), 'utf8')).toBe('new');
    expect(await readFile(at('in', 'deep', 'b.txt'), 'utf8')).toBe('b');
  });

  test.each([
    ['a relative path', 'a.txt'],
    ['a file beside', 'outside.txt'],
    ['a folder whose name only begins alike', 'in-another/x'],
    ['dots that lead out', 'in/../outside.txt'],
    ['a link to a file outside', 'in/link.txt'],
    ['a folder that is a link', 'in/up/outside.txt'],
    ['a folder for a file', 'in/deep'],
    ['what is not there', 'in/nothing/x'],
  ])('refuse %s', async (_, path) => {
    const asked = path === 'a.txt' ? path : `${folder}/${path}`;
    await expect(places.read(asked, 1, undefined)).rejects.toMatchObject({ name: 'Refused' });
    await expect(places.write(asked, 'x')).rejects.toMatchObject({ name: 'Refused' });
    expect(await readFile(at('outside.txt'), 'utf8')).toBe('secret');
  });

  test.each([
    ['is missing', 'nothing.txt', true],
    ['is not to be read', 'link.txt', false],
  ])('say of a file whether it %s', async (_, name, missing) => {
    await expect(places.read(at('in', name), 1, undefined)).rejects.toMatchObject({ missing });
  });
});
