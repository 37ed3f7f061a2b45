/** OpenAI Responses: `POST /v1/responses`, server-sent events with named types; tool calls and their results are items of `input`. */

import type { Entry } from '../history.ts';
import type { ModelRequest, OfferedTool, Turn } from '../script.ts';
import {
  type Body,
  callId,
  contentText,
  type Dialect,
  list,
  named,
  pieces,
  properties,
  text,
  type Usage,
} from './dialect.ts';
import { openaiError } from './openai-error.ts';

function entryOf(item: Body): Entry[] {
  const type = text(item['type']);
  if (type.endsWith('_call_output')) return [{ kind: 'result', text: contentText(item['output']) }];
  const isMessage = type === 'message' || type === '';
  return isMessage && item['role'] === 'user' ? [{ kind: 'said', text: contentText(item['content']) }] : [];
}

const toolOf = (tool: Body): OfferedTool => ({
  name: text(tool['name']) || text(tool['type']),
  parameters: properties(tool['parameters']),
  freeform: tool['type'] === 'custom',
});

function itemsOf(turn: Turn, request: ModelRequest): Body[] {
  const said = { type: 'message', id: `msg_${request.inputs}_${turn.index}`, role: 'assistant', status: 'completed' };
  const freeform = new Set(request.tools.filter((tool) => tool.freeform === true).map((tool) => tool.name));
  return [
    ...(turn.text === '' ? [] : [{ ...said, content: [{ type: 'output_text', text: turn.text, annotations: [] }] }]),
    ...turn.calls.map((call, position) => {
      const id = callId(turn, request, position);
      const known = { id: `item_${id}`, call_id: id, name: call.name, status: 'completed' };
      return freeform.has(call.name)
        ? { ...known, type: 'custom_tool_call', input: text(call.arguments['input']) }
        : { ...known, type: 'function_call', arguments: JSON.stringify(call.arguments) };
    }),
  ];
}

const responseOf = (turn: Turn, request: ModelRequest, usage: Usage, status: string): Body => ({
  id: `resp_${request.inputs}_${turn.index}`,
  object: 'response',
  created_at: 0,
  status,
  model: request.model,
  output: status === 'completed' ? itemsOf(turn, request) : [],
  usage:
    status === 'completed'
      ? {
          input_tokens: usage.input,
          input_tokens_details: { cached_tokens: 0 },
          output_tokens: usage.output,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: usage.input + usage.output,
        }
      : null,
});

/** Deltas of one item between its beginning and its end. */
function deltasOf(item: Body, index: number): Body[] {
  const place = { item_id: item['id'], output_index: index };
  if (item['type'] === 'message') {
    const whole = contentText(item['content']);
    const part = { ...place, content_index: 0 };
    const shown = { type: 'output_text', annotations: [] };
    return [
      { type: 'response.content_part.added', ...part, part: { ...shown, text: '' } },
      ...pieces(whole).map((delta) => ({ type: 'response.output_text.delta', ...part, delta })),
      { type: 'response.output_text.done', ...part, text: whole },
      { type: 'response.content_part.done', ...part, part: { ...shown, text: whole } },
    ];
  }
  const [kind, key] =
    item['type'] === 'function_call' ? ['function_call_arguments', 'arguments'] : ['custom_tool_call_input', 'input'];
  const whole = text(item[key]);
  return [
    ...pieces(whole).map((delta) => ({ type: `response.${kind}.delta`, ...place, delta })),
    { type: `response.${kind}.done`, ...place, [key]: whole },
  ];
}

/** An item as it is announced, before anything of it has been said. */
function opened(item: Body): Body {
  if (item['type'] === 'message') return { ...item, status: 'in_progress', content: [] };
  const key = item['type'] === 'function_call' ? 'arguments' : 'input';
  return { ...item, status: 'in_progress', [key]: '' };
}

export const openaiResponses: Dialect = {
  name: 'openai-responses',
  matches: (path) => path.endsWith('/responses'),
  request: (body) => {
    const input = body['input'];
    const entries: Entry[] = typeof input === 'string' ? [{ kind: 'said', text: input }] : list(input).flatMap(entryOf);
    const instructions = list(input).filter((item) => item['role'] === 'developer' || item['role'] === 'system');
    return {
      model: text(body['model']),
      system: [text(body['instructions']), ...instructions.map((item) => contentText(item['content']))].join('\n'),
      entries,
      tools: list(body['tools']).map(toolOf),
      stream: body['stream'] === true,
    };
  },
  stream: (turn, request, usage) => {
    const events: Body[] = [
      { type: 'response.created', response: responseOf(turn, request, usage, 'in_progress') },
      ...itemsOf(turn, request).flatMap((item, index) => [
        { type: 'response.output_item.added', output_index: index, item: opened(item) },
        ...deltasOf(item, index),
        { type: 'response.output_item.done', output_index: index, item },
      ]),
      { type: 'response.completed', response: responseOf(turn, request, usage, 'completed') },
    ];
    return events.map((event, sequence) => named(text(event['type']), { ...event, sequence_number: sequence }));
  },
  whole: (turn, request, usage) => responseOf(turn, request, usage, 'completed'),
  error: openaiError,
};
