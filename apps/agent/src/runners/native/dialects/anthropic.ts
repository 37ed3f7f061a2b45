/** Anthropic Messages, streamed. */

import type { Message, Piece, Question, StopReason } from '../conversation.ts';
import { ModelTrouble } from '../model-trouble.ts';
import type { ServerSentEvent } from '../sse.ts';
import { type AnswerReader, argumentsObject, count, type Dialect, dataOf, type Json, record, text } from './dialect.ts';

/** Tokens an answer may have; the API demands a number. */
const maxTokens = 8192;

function written(message: Message): Json {
  switch (message.role) {
    case 'user':
      return { role: 'user', content: message.text };
    case 'assistant':
      return {
        role: 'assistant',
        content: [
          ...(message.text === '' ? [] : [{ type: 'text', text: message.text }]),
          ...message.calls.map((call) => ({
            type: 'tool_use',
            id: call.id,
            name: call.name,
            input: argumentsObject(call.arguments),
          })),
        ],
      };
    case 'results':
      return {
        role: 'user',
        content: message.results.map((result) => ({
          type: 'tool_result',
          tool_use_id: result.call,
          content: result.text,
          ...(!result.ok && { is_error: true }),
        })),
      };
  }
}

const stops: Readonly<Record<string, StopReason>> = {
  end_turn: 'done',
  stop_sequence: 'done',
  tool_use: 'calls',
  max_tokens: 'cut',
  model_context_window_exceeded: 'cut',
  refusal: 'refused',
};

/** Errors that pass, by the type the API gives them. */
const passing = new Set(['overloaded_error', 'rate_limit_error', 'api_error', 'timeout_error']);

class AnthropicReader implements AnswerReader {
  private readonly open = new Map<number, { id: string; name: string; json: string; given: string }>();
  private input = 0;
  private output = 0;
  private stop: StopReason = 'done';

  read(event: ServerSentEvent): Piece[] {
    const data = dataOf(event);
    switch (data['type']) {
      case 'message_start':
        this.count(record(record(data['message'])['usage']));
        return [];
      case 'content_block_start':
        return this.start(count(data['index']), record(data['content_block']));
      case 'content_block_delta':
        return this.delta(count(data['index']), record(data['delta']));
      case 'content_block_stop':
        return this.closeBlock(count(data['index']));
      case 'message_delta':
        this.count(record(data['usage']));
        this.stop = stops[text(record(data['delta'])['stop_reason'])] ?? 'done';
        return [];
      case 'message_stop':
        return [
          { kind: 'usage', input: this.input, output: this.output },
          { kind: 'end', stop: this.stop },
        ];
      case 'error':
        throw this.error(record(data['error']));
      default:
        return [];
    }
  }

  close(): Piece[] {
    return [];
  }

  private count(usage: Json): void {
    const cached = count(usage['cache_read_input_tokens']) + count(usage['cache_creation_input_tokens']);
    if (usage['input_tokens'] !== undefined) this.input = count(usage['input_tokens']) + cached;
    if (usage['output_tokens'] !== undefined) this.output = count(usage['output_tokens']);
  }

  private start(index: number, block: Json): Piece[] {
    if (block['type'] === 'tool_use') {
      const given = JSON.stringify(record(block['input']));
      this.open.set(index, { id: text(block['id']), name: text(block['name']), json: '', given });
    }
    const opening = text(block['text']);
    return block['type'] === 'text' && opening !== '' ? [{ kind: 'text', text: opening }] : [];
  }

  private delta(index: number, delta: Json): Piece[] {
    switch (delta['type']) {
      case 'text_delta':
        return [{ kind: 'text', text: text(delta['text']) }];
      case 'thinking_delta':
        return [{ kind: 'thinking', text: text(delta['thinking']) }];
      case 'input_json_delta': {
        const call = this.open.get(index);
        if (call !== undefined) call.json += text(delta['partial_json']);
        return [];
      }
      default:
        return [];
    }
  }

  private closeBlock(index: number): Piece[] {
    const call = this.open.get(index);
    if (call === undefined) return [];
    this.open.delete(index);
    const { id, name, json, given } = call;
    return [{ kind: 'call', call: { id, name, arguments: json === '' ? given : json } }];
  }

  private error(error: Json): ModelTrouble {
    const type = text(error['type']);
    const again = passing.has(type);
    return new ModelTrouble({
      reason: again ? 'model.failing' : 'model.refused',
      message: `${type}: ${text(error['message'])}`,
      again,
    });
  }
}

export const anthropic: Dialect = {
  path: () => '/v1/messages',
  headers: { 'anthropic-version': '2023-06-01' },
  body: ({ model, system, messages, tools }: Question) => ({
    model,
    max_tokens: maxTokens,
    stream: true,
    ...(system !== '' && { system }),
    messages: messages.map(written),
    ...(tools.length > 0 && {
      tools: tools.map((tool) => ({ name: tool.name, description: tool.description, input_schema: tool.parameters })),
    }),
  }),
  reader: () => new AnthropicReader(),
};
