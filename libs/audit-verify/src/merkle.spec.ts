import { describe, expect, test } from '@jest/globals';
import {
  consistencyProof,
  emptyRoot,
  Frontier,
  inclusionProof,
  leafHash,
  provesConsistency,
  provesInclusion,
  rootOf,
  sha256,
} from './merkle.ts';

/** Inputs and roots of the Certificate Transparency reference tests. */
const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const roots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const leavesUpTo = (size: number): Buffer[] =>
  Array.from({ length: size }, (_, at) => leafHash(Buffer.from(`leaf ${at}`)));
const tree = (leaves: readonly Buffer[]) => ({ size: leaves.length, root: rootOf(leaves) });
const flipped = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte, at) => (at === 5 ? byte ^ 1 : byte)));

describe('the hash tree', () => {
  test('has the root of the empty string when empty', () => {
    expect(new Frontier().root()).toEqual(sha256(Buffer.alloc(0)));
    expect(emptyRoot.toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  test.each(roots.map((root, at) => [at + 1, root] as const))('of %i leaves has the published root', (size, root) => {
    const leaves = inputs.slice(0, size).map((input) => leafHash(Buffer.from(input, 'hex')));
    expect(rootOf(leaves).toString('hex')).toBe(root);
  });

  test('goes on from a restored frontier as if it had never stopped', () => {
    const leaves = leavesUpTo(37);
    for (let stop = 0; stop <= leaves.length; stop += 1) {
      const first = new Frontier();
      for (const leaf of leaves.slice(0, stop)) first.push(leaf);
      const second = Frontier.restore(stop, first.toBytes());
      for (const leaf of leaves.slice(stop)) second.push(leaf);
      expect(second.root()).toEqual(rootOf(leaves));
    }
  });

  test('refuses peaks that do not fit the size', () => {
    expect(() => Frontier.restore(3, Buffer.alloc(32))).toThrow();
    expect(() => Frontier.restore(1, Buffer.alloc(33))).toThrow();
  });
});

describe('proofs', () => {
  test('put every leaf of every small tree in its place and nowhere else', () => {
    for (let size = 1; size <= 20; size += 1) {
      const leaves = leavesUpTo(size);
      for (const [index, leaf] of leaves.entries()) {
        const proof = inclusionProof(leaves, index);
        expect(provesInclusion(tree(leaves), index, leaf, proof)).toBe(true);
        expect(provesInclusion(tree(leaves), index, flipped(leaf), proof)).toBe(false);
        expect(provesInclusion(tree(leaves), index, leaf, [...proof, leaf])).toBe(false);
        if (proof.length > 0) expect(provesInclusion(tree(leaves), index, leaf, proof.slice(1))).toBe(false);
      }
    }
  });

  test('show growth between every pair of small trees and refuse a rewritten past', () => {
    for (let size = 1; size <= 20; size += 1) {
      const leaves = leavesUpTo(size);
      for (let older = 1; older < size; older += 1) {
        const proof = consistencyProof(leaves, older);
        const before = tree(leaves.slice(0, older));
        expect(provesConsistency(before, tree(leaves), proof)).toBe(true);
        expect(provesConsistency({ ...before, root: flipped(before.root) }, tree(leaves), proof)).toBe(false);
        expect(provesConsistency(before, { size, root: flipped(rootOf(leaves)) }, proof)).toBe(false);
        expect(provesConsistency(tree(leaves), before, proof)).toBe(false);
      }
    }
  });
});
