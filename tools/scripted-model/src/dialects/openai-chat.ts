/** OpenAI Chat Completions: `POST /v1/chat/completions`, unnamed server-sent events closed by `[DONE]`. */

import type { Entry } from '../history.ts';
import type { ModelRequest, Turn } from '../script.ts';
import {
  type Body,
  callId,
  contentText,
  type Dialect,
  list,
  pieces,
  properties,
  record,
  text,
  type Usage,
} from './dialect.ts';
import { openaiError } from './openai-error.ts';

function entryOf(message: Body): Entry[] {
  const words = contentText(message['content']);
  if (message['role'] === 'tool') return [{ kind: 'result', text: words }];
  return message['role'] === 'user' && words !== '' ? [{ kind: 'said', text: words }] : [];
}

const finish = (turn: Turn): string => (turn.calls.length > 0 ? 'tool_calls' : 'stop');

const usageOf = (usage: Usage): object => ({
  prompt_tokens: usage.input,
  completion_tokens: usage.output,
  total_tokens: usage.input + usage.output,
});

function chunk(turn: Turn, request: ModelRequest, delta: object, more: object = {}): string {
  const choices = [{ index: 0, delta, finish_reason: null, ...more }];
  const data = {
    id: `chatcmpl_${request.inputs}_${turn.index}`,
    object: 'chat.completion.chunk',
    created: 0,
    model: request.model,
    choices,
  };
  return `data: ${JSON.stringify(data)}\n\n`;
}

export const openaiChat: Dialect = {
  name: 'openai-chat',
  matches: (path) => path.endsWith('/chat/completions'),
  request: (body) => {
    const messages = list(body['messages']);
    return {
      model: text(body['model']),
      system: messages
        .filter((message) => message['role'] === 'system' || message['role'] === 'developer')
        .map((message) => contentText(message['content']))
        .join('\n'),
      entries: messages.flatMap(entryOf),
      tools: list(body['tools']).map((tool) => {
        const offered = record(tool['function']);
        return { name: text(offered['name']), parameters: properties(offered['parameters']) };
      }),
      stream: body['stream'] === true,
    };
  },
  stream: (turn, request, usage) => {
    const blocks = [chunk(turn, request, { role: 'assistant', content: '' })];
    for (const piece of pieces(turn.text)) blocks.push(chunk(turn, request, { content: piece }));
    for (const [index, call] of turn.calls.entries()) {
      const opening = {
        index,
        id: callId(turn, request, index),
        type: 'function',
        function: { name: call.name, arguments: '' },
      };
      blocks.push(chunk(turn, request, { tool_calls: [opening] }));
      for (const piece of pieces(JSON.stringify(call.arguments))) {
        blocks.push(chunk(turn, request, { tool_calls: [{ index, function: { arguments: piece } }] }));
      }
    }
    blocks.push(chunk(turn, request, {}, { finish_reason: finish(turn) }));
    const closing = {
      id: `chatcmpl_${request.inputs}_${turn.index}`,
      object: 'chat.completion.chunk',
      created: 0,
      model: request.model,
    };
    blocks.push(`data: ${JSON.stringify({ ...closing, choices: [], usage: usageOf(usage) })}\n\n`, 'data: [DONE]\n\n');
    return blocks;
  },
  whole: (turn, request, usage) => ({
    id: `chatcmpl_${request.inputs}_${turn.index}`,
    object: 'chat.completion',
    created: 0,
    model: request.model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: turn.text === '' ? null : turn.text,
          ...(turn.calls.length > 0 && {
            tool_calls: turn.calls.map((call, position) => ({
              id: callId(turn, request, position),
              type: 'function',
              function: { name: call.name, arguments: JSON.stringify(call.arguments) },
            })),
          }),
        },
        finish_reason: finish(turn),
      },
    ],
    usage: usageOf(usage),
  }),
  error: openaiError,
};
