import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { callsOf } from './neutral-tools.ts';
import type { OfferedTool } from './script.ts';

const tool = (name: string, ...parameters: string[]): OfferedTool => ({ name, parameters });

const write = { path: '/w/a', content: "it's" };

test.each([
  ['native', [tool('bash', 'command'), tool('write_file', 'path', 'content')], { command: 'ls' }, { path: '/w/a' }],
  [
    'claude',
    [tool('Bash', 'command', 'description'), tool('Write', 'file_path', 'content')],
    { command: 'ls', description: expect.any(String) },
    { file_path: '/w/a' },
  ],
  [
    'opencode',
    [tool('bash', 'command', 'workdir'), tool('write', 'content', 'filePath')],
    { command: 'ls' },
    { filePath: '/w/a' },
  ],
  [
    'gemini',
    [tool('run_shell_command', 'command', 'description'), tool('write_file', 'file_path', 'content')],
    { command: 'ls', description: expect.any(String) },
    { file_path: '/w/a' },
  ],
])('%s is asked by the names its tools have', (_name, tools, shell, written) => {
  expect(callsOf({ shell: 'ls' }, tools)).toEqual([{ name: tools[0]?.name, arguments: shell }]);
  expect(callsOf({ write }, tools)).toEqual([{ name: tools[1]?.name, arguments: { ...written, content: "it's" } }]);
});

test('a caller with a shell alone writes by it', () => {
  expect(callsOf({ write }, [tool('exec_command', 'cmd')])).toEqual([
    { name: 'exec_command', arguments: { cmd: "printf '%s' 'it'\\''s' > '/w/a'" } },
  ]);
});

test('an edit by a shell replaces the text and nothing else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'edit-'));
  const path = join(folder, 'a');
  writeFileSync(path, "it's $& here\n");
  const [call] = callsOf({ edit: { path, old: "it's $&", new: '$1 "is"' } }, [tool('bash', 'command')]);
  execFileSync('/bin/sh', ['-c', String(call?.arguments['command'])]);
  expect(readFileSync(path, 'utf8')).toBe('$1 "is" here\n');
  rmSync(folder, { recursive: true });
});
