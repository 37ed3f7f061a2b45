/** Anthropic Messages: `POST /v1/messages`, server-sent events with named types. */

import { type Body, callId, contentText, type Dialect, list, pieces, record, text } from './dialect.ts';

const event = (data: { readonly type: string } & Body): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;

function resultsOf(messages: readonly Body[]): string[] {
  return messages.flatMap((message) =>
    list(message['content'])
      .filter((part) => part['type'] === 'tool_result')
      .map((part) => contentText(part['content'])),
  );
}

const taskOf = (messages: readonly Body[]): string =>
  contentText(messages.find((message) => message['role'] === 'user')?.['content']);

export const anthropicMessages: Dialect = {
  name: 'anthropic-messages',
  matches: (path) => path.endsWith('/v1/messages'),
  request: (body) => {
    const messages = list(body['messages']);
    return {
      model: text(body['model']),
      task: taskOf(messages),
      results: resultsOf(messages),
      tools: list(body['tools']).map((tool) => text(tool['name'])),
      stream: body['stream'] === true,
    };
  },
  stream: (turn, request, usage) => {
    const blocks: string[] = [
      event({
        type: 'message_start',
        message: {
          id: `msg_${turn.index}`,
          type: 'message',
          role: 'assistant',
          model: request.model,
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: usage.input, output_tokens: 1 },
        },
      }),
    ];
    let index = 0;
    if (turn.text !== '') {
      blocks.push(event({ type: 'content_block_start', index, content_block: { type: 'text', text: '' } }));
      for (const piece of pieces(turn.text)) {
        blocks.push(event({ type: 'content_block_delta', index, delta: { type: 'text_delta', text: piece } }));
      }
      blocks.push(event({ type: 'content_block_stop', index }));
      index += 1;
    }
    for (const [position, call] of turn.calls.entries()) {
      const block = { type: 'tool_use', id: callId(turn, position), name: call.name, input: {} };
      blocks.push(event({ type: 'content_block_start', index, content_block: block }));
      for (const piece of pieces(JSON.stringify(call.arguments))) {
        blocks.push(
          event({ type: 'content_block_delta', index, delta: { type: 'input_json_delta', partial_json: piece } }),
        );
      }
      blocks.push(event({ type: 'content_block_stop', index }));
      index += 1;
    }
    const stop = turn.calls.length > 0 ? 'tool_use' : 'end_turn';
    blocks.push(
      event({
        type: 'message_delta',
        delta: { stop_reason: stop, stop_sequence: null },
        usage: { output_tokens: usage.output },
      }),
      event({ type: 'message_stop' }),
    );
    return blocks;
  },
  whole: (turn, request, usage) => ({
    id: `msg_${turn.index}`,
    type: 'message',
    role: 'assistant',
    model: request.model,
    content: [
      ...(turn.text === '' ? [] : [{ type: 'text', text: turn.text }]),
      ...turn.calls.map((call, position) => ({
        type: 'tool_use',
        id: callId(turn, position),
        name: call.name,
        input: record(call.arguments),
      })),
    ],
    stop_reason: turn.calls.length > 0 ? 'tool_use' : 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: usage.input, output_tokens: usage.output },
  }),
  error: (status, message) => ({
    type: 'error',
    error: {
      type: status === 429 ? 'rate_limit_error' : status >= 500 ? 'api_error' : 'invalid_request_error',
      message,
    },
  }),
};
