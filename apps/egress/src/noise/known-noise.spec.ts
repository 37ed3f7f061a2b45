import { describe, expect, test } from '@jest/globals';
import { parseTarget } from '../hosts/host.ts';
import { knownNoise } from './known-noise.ts';

const noiseOf = (text: string): string => {
  const target = parseTarget(text);
  if (target === undefined) throw new Error(text);
  return knownNoise(target);
};

describe('a connection', () => {
  test.each([
    ['api.anthropic.com:443', 'claude-code.telemetry'],
    ['chatgpt.com:443', 'codex.telemetry'],
    ['ab.chatgpt.com:443', 'codex.telemetry'],
    ['github.com:443', 'codex.update'],
    ['api.github.com:443', 'codex.update'],
    ['registry.npmjs.org:443', 'opencode.update'],
    ['play.googleapis.com:443', 'gemini.telemetry'],
    ['PLAY.googleapis.com:80', 'gemini.telemetry'],
  ])('to %s is known as %s', (target, name) => {
    expect(noiseOf(target)).toBe(name);
  });

  test.each([
    'github.com:22',
    'gist.github.com:443',
    'github.com.evil.example:443',
    'xgithub.com:443',
    '140.82.121.3:443',
    'model.sallyport.internal:80',
  ])('to %s is not known', (target) => {
    expect(noiseOf(target)).toBe('');
  });
});
