import { describe, expect, test } from '@jest/globals';
import { isPinned } from './image-name.ts';

const digest = `sha256:${'a1'.repeat(32)}`;

describe('the name of a sandbox image', () => {
  test.each([digest, `sandbox@${digest}`, `images.example.org:5000/sally/sandbox@${digest}`])(
    '%s is pinned',
    (name) => {
      expect(isPinned(name)).toBe(true);
    },
  );

  test.each([
    'sandbox',
    'sandbox:1.0',
    `sandbox:${digest}`,
    digest.slice(0, -1),
    digest.toUpperCase(),
    `${digest}\n`,
    `--privileged@${digest}`,
    `sandbox@${digest} --privileged`,
    '',
  ])('%j is not', (name) => {
    expect(isPinned(name)).toBe(false);
  });
});
