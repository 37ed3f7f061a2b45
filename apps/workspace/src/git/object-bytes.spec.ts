import { describe, expect, test } from '@jest/globals';
import { commitObject, objectId, packHeader, packObjects, treeObject } from './object-bytes.ts';

describe('objects', () => {
  test('have the ids git gives them', () => {
    expect(objectId({ type: 'blob', data: Buffer.from('hello\n') })).toBe('ce013625030ba8dba906f756967f9e9ca394464a');
    expect(objectId(treeObject([]))).toBe('4b825dc642cb6eb9a060e54bf8d69288fbee4904');
  });

  test('sort a folder as if its name ended in a slash', () => {
    const oid = '0'.repeat(40);
    const names = (['a', 'a.b', 'a0'] as const).map((name) => ({
      name,
      mode: name === 'a' ? ('40000' as const) : ('100644' as const),
      oid,
    }));
    const text = treeObject(names).data.toString('latin1');
    expect([...text.matchAll(/(a[.0b]*)\0/g)].map((match) => match[1])).toEqual(['a.b', 'a', 'a0']);
  });

  test.each([
    ['Ada <x> \nparent 1', 'Ada x parent 1'],
    ['', 'unknown'],
    ['...', 'unknown'],
    ['Zoë', 'Zoë'],
  ])('keep the identity line whole for the name %j', (name, shown) => {
    const { data } = commitObject({
      tree: '1'.repeat(40),
      parents: [],
      author: { name, email: 'a@b>\n' },
      at: 1_000,
      message: 'm\0\n',
    });
    const lines = data.toString('utf8').split('\n');
    expect(lines[1]).toBe(`author ${shown} <a@b> 1 +0000`);
    expect(lines[2]).toBe('committer Sallyport <platform@sallyport.local> 1 +0000');
    expect(lines.slice(3)).toEqual(['', 'm', '']);
  });
});

describe('packObjects', () => {
  test('reads what packHeader writes and nothing else', () => {
    expect(packObjects(packHeader(7))).toBe(7);
    expect(packObjects(Buffer.from('PACK\0\0\0\x03\0\0\0\x01', 'latin1'))).toBeUndefined();
    expect(packObjects(Buffer.from('PACK'))).toBeUndefined();
  });
});
