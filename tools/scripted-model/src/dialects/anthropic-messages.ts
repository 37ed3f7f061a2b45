/** Anthropic Messages: `POST /v1/messages`, server-sent events with named types. */

import type { Entry } from '../history.ts';
import {
  type Body,
  callId,
  contentText,
  type Dialect,
  list,
  named,
  pieces,
  properties,
  record,
  text,
} from './dialect.ts';

const event = (data: { readonly type: string } & Body): string => named(data.type, data);

/** Results and words of one message; the words of all its parts are one thing said. */
function entriesOf(message: Body): Entry[] {
  if (message['role'] !== 'user') return [];
  const results = list(message['content'])
    .filter((part) => part['type'] === 'tool_result')
    .map((part): Entry => ({ kind: 'result', text: contentText(part['content']) }));
  const said = contentText(message['content']);
  return [...results, ...(said === '' ? [] : [{ kind: 'said', text: said } as const])];
}

const errorTypes: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

export const anthropicMessages: Dialect = {
  name: 'anthropic-messages',
  matches: (path) => path.endsWith('/v1/messages'),
  request: (body) => ({
    model: text(body['model']),
    system: contentText(body['system']),
    entries: list(body['messages']).flatMap(entriesOf),
    tools: list(body['tools']).map((tool) => ({
      name: text(tool['name']),
      parameters: properties(tool['input_schema']),
    })),
    stream: body['stream'] === true,
  }),
  stream: (turn, request, usage) => {
    const blocks: string[] = [
      event({
        type: 'message_start',
        message: {
          id: `msg_${request.inputs}_${turn.index}`,
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
      const block = { type: 'tool_use', id: callId(turn, request, position), name: call.name, input: {} };
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
    id: `msg_${request.inputs}_${turn.index}`,
    type: 'message',
    role: 'assistant',
    model: request.model,
    content: [
      ...(turn.text === '' ? [] : [{ type: 'text', text: turn.text }]),
      ...turn.calls.map((call, position) => ({
        type: 'tool_use',
        id: callId(turn, request, position),
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
      type: errorTypes[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error'),
      message,
    },
  }),
};
