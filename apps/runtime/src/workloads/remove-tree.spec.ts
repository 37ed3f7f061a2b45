import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { removeTree } from './remove-tree.ts';

let root: string;
let tree: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sally-remove-'));
  tree = join(root, 'tree');
  mkdirSync(tree);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('a folder', () => {
  test('goes whole when its paths are longer than the kernel takes', async () => {
    const nest = 'i=0; while [ $i -lt 40 ]; do mkdir "$1" && cd -P "$1" && : > file || exit 1; i=$((i + 1)); done';
    execFileSync('sh', ['-c', nest, 'sh', 'd'.repeat(200)], { cwd: tree });
    await removeTree(tree);
    expect(existsSync(tree)).toBe(false);
  });

  test('goes whole when one below it is closed to its owner', async () => {
    mkdirSync(join(tree, 'closed'));
    writeFileSync(join(tree, 'closed', 'file'), '');
    chmodSync(join(tree, 'closed'), 0);
    await removeTree(tree);
    expect(existsSync(tree)).toBe(false);
  });

  test('goes without what its links lead to', async () => {
    const outside = join(root, 'outside');
    mkdirSync(outside);
    symlinkSync(outside, join(tree, 'link'));
    await removeTree(tree);
    expect([existsSync(tree), existsSync(outside)]).toEqual([false, true]);
  });

  test('that is gone is removed', async () => {
    await removeTree(tree);
    await expect(removeTree(tree)).resolves.toBeUndefined();
  });
});
