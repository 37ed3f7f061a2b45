import { describe, expect, test } from '@jest/globals';
import { type ModelRequest, turnOf } from '../script.ts';
import { stepsOf } from './built-in.ts';
import { reportOf } from './demo.ts';

const aRequest = (over: Partial<ModelRequest> = {}): ModelRequest => ({
  model: 'scripted-demo',
  task: 'Report.',
  inputs: 1,
  results: [],
  tools: ['bash', 'write_file', 'edit_file'].map((name) => ({ name, parameters: [] })),
  stream: true,
  ...over,
});

const turn = (request: ModelRequest) => turnOf(stepsOf(request), request);

describe('the demo', () => {
  const read = '== ./sales.csv\nmonth,amount\njan,10\nfeb,32.5\n== ./notes.md\nhello\n';

  test('reads, writes, trespasses, reaches out and ends', () => {
    const results = [
      read,
      'ok',
      'sh: 1: cannot create: Read-only file system',
      'HTTP/1.1 403 Forbidden\n\n{"reason":"host_not_allowed"}',
    ];
    const names = [0, 1, 2, 3, 4].map((count) =>
      turn(aRequest({ results: results.slice(0, count) })).calls.map((call) => call.name),
    );
    expect(names).toEqual([['bash'], ['write_file'], ['bash'], ['bash'], []]);
    const end = turn(aRequest({ results })).text;
    expect(end).toContain('Read-only file system');
    expect(end).toContain('host_not_allowed');
  });

  test('totals the numeric columns of a CSV', () => {
    expect(reportOf(read)).toContain('| sales.csv | 2 | amount 42.5 |');
  });
});

describe('the edits', () => {
  const calls = (task: string, results: string[] = []) =>
    turn(aRequest({ model: 'scripted-edit', task, results })).calls;

  test.each([
    ['append a.md: more', { command: "printf '%s\\n' 'more' >> 'a.md'" }],
    ['replace a.md: old => new', { path: 'a.md', old: 'old', new: 'new' }],
    ['delete a.md', { command: "rm -- 'a.md'" }],
    ['Please look at docs/guide.md.', { command: "printf '%s\\n' 'Read by the scripted model.' >> 'docs/guide.md'" }],
  ])('turns "%s" into a call', (task, args) => {
    expect(calls(task)[0]?.arguments).toEqual(args);
  });

  test('goes from line to line and ends', () => {
    const task = 'append a.md: 1\nappend b.md: 2';
    expect(calls(task, ['ok'])[0]?.arguments).toEqual({ command: "printf '%s\\n' '2' >> 'b.md'" });
    expect(calls(task, ['ok', 'ok'])).toEqual([]);
  });
});
