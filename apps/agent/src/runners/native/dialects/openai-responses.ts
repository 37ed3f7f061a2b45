/** OpenAI Responses, streamed; nothing is kept at the provider, the whole history goes with every question. */

import type { Message, Piece, Question, StopReason } from '../conversation.ts';
import { ModelTrouble } from '../model-trouble.ts';
import type { ServerSentEvent } from '../sse.ts';
import { type AnswerReader, count, type Dialect, dataOf, type Json, record, text } from './dialect.ts';

function written(message: Message): Json[] {
  switch (message.role) {
    case 'user':
      return [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: message.text }] }];
    case 'assistant':
      return [
        ...(message.text === ''
          ? []
          : [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: message.text }] }]),
        // Without an id of its own a call needs no reasoning item beside it.
        ...message.calls.map((call) => ({
          type: 'function_call',
          call_id: call.id,
          name: call.name,
          arguments: call.arguments === '' ? '{}' : call.arguments,
        })),
      ];
    case 'results':
      return message.results.map((result) => ({
        type: 'function_call_output',
        call_id: result.call,
        output: result.text,
      }));
  }
}

/** Error codes that another try may get past. */
const passing = new Set(['rate_limit_exceeded', 'server_error', 'server_is_overloaded', 'slow_down']);

function troubleOf(error: Json): ModelTrouble {
  const code = text(error['code']) || text(error['type']);
  const again = passing.has(code) || code === '';
  return new ModelTrouble({
    reason: code === 'rate_limit_exceeded' ? 'model.busy' : again ? 'model.failing' : 'model.refused',
    message: `${code}: ${text(error['message']) || 'the provider reported an error in the stream'}`,
    again,
  });
}

class OpenaiResponsesReader implements AnswerReader {
  private calls = 0;
  private refused = false;

  read(event: ServerSentEvent): Piece[] {
    if (event.data.trim() === '[DONE]') return [];
    const data = dataOf(event);
    switch (data['type']) {
      case 'response.refusal.delta':
        this.refused = true;
        return [{ kind: 'text', text: text(data['delta']) }];
      case 'response.output_text.delta':
        return [{ kind: 'text', text: text(data['delta']) }];
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        return [{ kind: 'thinking', text: text(data['delta']) }];
      case 'response.output_item.done':
        return this.item(record(data['item']));
      case 'response.completed':
        return this.ended(record(data['response']), this.stop());
      case 'response.incomplete': {
        const response = record(data['response']);
        const filtered = record(response['incomplete_details'])['reason'] === 'content_filter';
        return this.ended(response, filtered ? 'refused' : 'cut');
      }
      case 'response.failed':
        throw troubleOf(record(record(data['response'])['error']));
      case 'error':
        throw troubleOf(data['error'] === undefined ? data : record(data['error']));
      default:
        return [];
    }
  }

  close(): Piece[] {
    return [];
  }

  private stop(): StopReason {
    if (this.calls > 0) return 'calls';
    return this.refused ? 'refused' : 'done';
  }

  private item(item: Json): Piece[] {
    if (item['type'] !== 'function_call') return [];
    this.calls += 1;
    const id = text(item['call_id']) || `call_${this.calls}`;
    return [{ kind: 'call', call: { id, name: text(item['name']), arguments: text(item['arguments']) } }];
  }

  private ended(response: Json, stop: StopReason): Piece[] {
    const usage = record(response['usage']);
    const used: Piece[] =
      usage['input_tokens'] === undefined
        ? []
        : [{ kind: 'usage', input: count(usage['input_tokens']), output: count(usage['output_tokens']) }];
    return [...used, { kind: 'end', stop }];
  }
}

export const openaiResponses: Dialect = {
  path: () => '/v1/responses',
  headers: {},
  body: ({ model, system, messages, tools }: Question) => ({
    model,
    stream: true,
    store: false,
    ...(system !== '' && { instructions: system }),
    input: messages.flatMap(written),
    ...(tools.length > 0 && {
      tools: tools.map(({ name, description, parameters }) => ({
        type: 'function',
        name,
        description,
        parameters,
        strict: false,
      })),
    }),
  }),
  reader: () => new OpenaiResponsesReader(),
};
