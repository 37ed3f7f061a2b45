import { describe, expect, test } from '@jest/globals';
import type { Message, Piece, Question } from '../conversation.ts';
import type { Dialect } from './dialect.ts';
import { gemini } from './gemini.ts';
import { openaiResponses } from './openai-responses.ts';

const question = (messages: readonly Message[]): Question => ({
  model: 'a/b',
  system: 'be brief',
  messages,
  tools: [],
});

function piecesOf(dialect: Dialect, events: readonly unknown[]): Piece[] {
  const reader = dialect.reader();
  const pieces = events.flatMap((event) => reader.read({ type: 'message', data: JSON.stringify(event) }));
  return [...pieces, ...reader.close()];
}

const history: readonly Message[] = [
  { role: 'user', text: 'go' },
  { role: 'assistant', text: '', calls: [{ id: 'c1', name: 'bash', arguments: '{"command":"ls"}', signature: 's1' }] },
  { role: 'results', results: [{ call: 'c1', ok: false, text: 'no' }] },
  { role: 'assistant', text: '', calls: [] },
];

describe('gemini', () => {
  test('writes what was called with its signature, and what came of it with its name', () => {
    expect(gemini.body(question(history))).toEqual({
      systemInstruction: { parts: [{ text: 'be brief' }] },
      contents: [
        { role: 'user', parts: [{ text: 'go' }] },
        {
          role: 'model',
          parts: [{ functionCall: { id: 'c1', name: 'bash', args: { command: 'ls' } }, thoughtSignature: 's1' }],
        },
        { role: 'user', parts: [{ functionResponse: { id: 'c1', name: 'bash', response: { error: 'no' } } }] },
      ],
    });
  });

  test('asks for the model in the path, whatever its name', () => {
    expect(gemini.path(question([]))).toBe('/v1beta/models/a%2Fb:streamGenerateContent?alt=sse');
  });

  test('reads thoughts, words, calls without an id and usage', () => {
    const call = { functionCall: { name: 'bash', args: { command: 'ls' } }, thoughtSignature: 'sig' };
    const pieces = piecesOf(gemini, [
      { candidates: [{ content: { parts: [{ text: 'hm', thought: true }, { text: 'well' }] } }] },
      {
        candidates: [{ content: { parts: [call, call] }, finishReason: 'STOP' }],
        usageMetadata: { promptTokenCount: 7, candidatesTokenCount: 2, thoughtsTokenCount: 3 },
      },
    ]);
    const called = { name: 'bash', arguments: '{"command":"ls"}', signature: 'sig' };
    expect(pieces).toEqual([
      { kind: 'thinking', text: 'hm' },
      { kind: 'text', text: 'well' },
      { kind: 'call', call: { id: 'call_1_bash', ...called } },
      { kind: 'call', call: { id: 'call_2_bash', ...called } },
      { kind: 'usage', input: 7, output: 5 },
      { kind: 'end', stop: 'calls' },
    ]);
  });

  test.each([
    [{ candidates: [{ finishReason: 'MAX_TOKENS' }] }, 'cut'],
    [{ candidates: [{ finishReason: 'SAFETY' }] }, 'refused'],
    [{ candidates: [{ finishReason: 'A_NEW_ONE' }] }, 'refused'],
    [{ promptFeedback: { blockReason: 'OTHER' } }, 'refused'],
  ])('takes %j for its end', (event, stop) => {
    expect(piecesOf(gemini, [event])).toEqual([{ kind: 'end', stop }]);
  });

  test.each([
    [{ error: { code: 429, status: 'RESOURCE_EXHAUSTED' } }, 'model.busy', true],
    [{ error: { code: 503, status: 'UNAVAILABLE' } }, 'model.failing', true],
    [{ error: { code: 400, status: 'INVALID_ARGUMENT' } }, 'model.refused', false],
    [{ candidates: [{ finishReason: 'MALFORMED_FUNCTION_CALL' }] }, 'model.failing', true],
  ])('takes %j for trouble', (event, reason, again) => {
    expect(() => piecesOf(gemini, [event])).toThrow(
      expect.objectContaining({ trouble: expect.objectContaining({ reason, again }) }),
    );
  });
});

describe('openai responses', () => {
  test('writes calls without an id of their own, and nothing for a silent answer', () => {
    expect(openaiResponses.body(question(history))).toMatchObject({
      model: 'a/b',
      store: false,
      instructions: 'be brief',
      input: [
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'go' }] },
        { type: 'function_call', call_id: 'c1', name: 'bash', arguments: '{"command":"ls"}' },
        { type: 'function_call_output', call_id: 'c1', output: 'no' },
      ],
    });
  });

  test.each([
    [{ type: 'response.completed', response: { usage: { input_tokens: 1, output_tokens: 2 } } }, 'done'],
    [{ type: 'response.incomplete', response: { incomplete_details: { reason: 'max_output_tokens' } } }, 'cut'],
    [{ type: 'response.incomplete', response: { incomplete_details: { reason: 'content_filter' } } }, 'refused'],
  ])('takes %j for its end', (event, stop) => {
    expect(piecesOf(openaiResponses, [event]).at(-1)).toEqual({ kind: 'end', stop });
  });

  test('takes a declined answer for refused', () => {
    const events = [
      { type: 'response.refusal.delta', delta: 'No.' },
      { type: 'response.completed', response: {} },
    ];
    expect(piecesOf(openaiResponses, events)).toEqual([
      { kind: 'text', text: 'No.' },
      { kind: 'end', stop: 'refused' },
    ]);
  });

  test.each([
    [{ type: 'response.failed', response: { error: { code: 'rate_limit_exceeded' } } }, 'model.busy', true],
    [{ type: 'response.failed', response: { error: { code: 'server_error' } } }, 'model.failing', true],
    [{ type: 'error', code: 'invalid_prompt', message: 'no' }, 'model.refused', false],
  ])('takes %j for trouble', (event, reason, again) => {
    expect(() => piecesOf(openaiResponses, [event])).toThrow(
      expect.objectContaining({ trouble: expect.objectContaining({ reason, again }) }),
    );
  });
});
