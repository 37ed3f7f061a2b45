import { describe, expect, test } from '@jest/globals';
import { type Entry, progressOf } from './history.ts';
import { inlineScript } from './script.ts';

const said = (text: string): Entry => ({ kind: 'said', text });
const result = (text: string): Entry => ({ kind: 'result', text });

describe('the input that is worked on', () => {
  test('is the latest, with what was answered since', () => {
    const entries = [said('one'), result('a'), said('two'), result('b'), result('c')];
    expect(progressOf(entries)).toEqual({ task: 'two', inputs: 2, results: ['b', 'c'] });
  });

  test.each([
    ['claude', '<system-reminder>\nUse the tools.\n</system-reminder>\n'],
    ['codex', '<environment_context>\n  <cwd>/w</cwd>\n</environment_context>'],
    ['codex with instructions', '# AGENTS.md instructions for /w\n\n<INSTRUCTIONS>\nBe kind.\n</INSTRUCTIONS>'],
    ['gemini', '<session_context>\nToday is Saturday.\n</session_context>'],
  ])('is not what %s puts around it', (_name, wrapping) => {
    const entries = [said(wrapping), said(`${wrapping}do it`), result('a'), said(wrapping), result('b')];
    expect(progressOf(entries)).toEqual({ task: 'do it', inputs: 1, results: ['a', 'b'] });
  });
});

describe('a script in a task', () => {
  const steps = [{ text: 'a "word"\\', shell: 'printf "%s\\n" "x"' }];
  const written = `Go. <script>${JSON.stringify(steps)}</script> Please.`;

  test.each([
    ['as it was written', written],
    ['inside a quoted task', `"${written.replaceAll('"', '\\"')}"`],
  ])('is read %s', (_name, task) => {
    expect(inlineScript(task)).toEqual(steps);
  });
});
