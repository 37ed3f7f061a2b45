import { describe, expect, test } from '@jest/globals';
import type { Line } from '../cli/adapter.ts';
import { Updates } from './updates.ts';

const said = (text: string): Line => ({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } });
const call = (over: Line): Line => ({ sessionUpdate: 'tool_call', toolCallId: 'c1', ...over });
const update = (over: Line): Line => ({ sessionUpdate: 'tool_call_update', toolCallId: 'c1', ...over });

function readAll(lines: readonly Line[], end: Line = {}) {
  const updates = new Updates();
  const events = [...lines.flatMap((line) => updates.read(line)), ...updates.end(end)];
  return { events, reply: updates.reply };
}

describe('updates of an agent', () => {
  test('become messages, calls, changed files and turns', () => {
    const { events, reply } = readAll(
      [
        said('I '),
        said('write.'),
        call({ kind: 'edit', title: 'Write a.txt', status: 'pending' }),
        update({ status: 'in_progress', rawInput: { path: 'a.txt' }, locations: [{ path: '/workspace/demo/a.txt' }] }),
        update({ status: 'completed', content: [{ type: 'content', content: { type: 'text', text: 'written' } }] }),
        said('Done.'),
      ],
      { usage: { inputTokens: 9, outputTokens: 4 } },
    );
    expect(events).toEqual([
      { messageDelta: { text: 'I ' } },
      { messageDelta: { text: 'write.' } },
      { messageCompleted: { text: 'I write.' } },
      { toolStarted: { call: 'c1', tool: 'edit', arguments: '{"path":"a.txt"}' } },
      { turnCompleted: { turn: 1 } },
      { toolCompleted: { call: 'c1', tool: 'edit', ok: true, text: 'written' } },
      { fileChanged: { path: 'demo/a.txt' } },
      { messageDelta: { text: 'Done.' } },
      { messageCompleted: { text: 'Done.' } },
      { turnCompleted: { turn: 2 } },
      { usageUpdated: { inputTokens: '9', outputTokens: '4' } },
    ]);
    expect(reply).toBe('Done.');
  });

  test.each<[string, Line]>([
    ['that failed', { status: 'failed' }],
    ['whose command ended with another code than 0', { status: 'completed', rawOutput: { exit_code: 3 } }],
    [
      'whose last line is the exit code',
      {
        status: 'completed',
        content: [{ type: 'content', content: { type: 'text', text: 'x\nCommand exited with code: 3' } }],
      },
    ],
    ['whose exit code stands in its metadata', { status: 'completed', rawOutput: { metadata: { exit: 3 } } }],
  ])('tell a call %s as not ok', (_, over) => {
    const { events } = readAll([call({ kind: 'execute', status: 'in_progress' }), update(over)]);
    expect(events).toContainEqual({
      toolCompleted: { call: 'c1', tool: 'execute', ok: false, text: expect.any(String) },
    });
  });

  test('tell a call without an end as not ok, and a second end not at all', () => {
    const { events } = readAll([
      call({ kind: 'execute', status: 'in_progress' }),
      call({ toolCallId: 'c2', kind: 'read', status: 'completed' }),
      update({ toolCallId: 'c2', status: 'completed' }),
    ]);
    expect(events.filter((event) => 'toolCompleted' in event)).toEqual([
      { toolCompleted: { call: 'c2', tool: 'read', ok: true, text: '' } },
      { toolCompleted: { call: 'c1', tool: 'execute', ok: false, text: '' } },
    ]);
  });

  test('of a kind nobody knows are shown as they are, and those about the session are not', () => {
    const strange = { sessionUpdate: 'of_tomorrow', x: 1 };
    const { events } = readAll([strange, { sessionUpdate: 'available_commands_update' }]);
    expect(events).toEqual([{ raw: { text: JSON.stringify(strange) } }]);
  });

  test.each<[string, Line]>([
    ['nothing', {}],
    ['numbers for words', { sessionUpdate: 'tool_call', toolCallId: 7, status: 8, content: 9, locations: 'x' }],
    ['a message without a content', { sessionUpdate: 'agent_message_chunk', content: null }],
  ])('with %s in them are no error', (_, line) => {
    expect(() => readAll([line])).not.toThrow();
  });

  test('that only ask about a call announce it once', () => {
    const updates = new Updates();
    const first = updates.asked({ toolCallId: 'c1', kind: 'execute', title: 'ls' });
    expect(first.called).toMatchObject({ kind: 'execute' });
    expect(first.events).toEqual([{ toolStarted: { call: 'c1', tool: 'execute', arguments: '{"title":"ls"}' } }]);
    expect(updates.asked({ toolCallId: 'c1' }).events).toEqual([]);
  });
});
