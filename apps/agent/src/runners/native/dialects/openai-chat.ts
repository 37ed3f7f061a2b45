/** OpenAI Chat Completions, streamed, and the many servers that speak it. */

import type { Message, Piece, Question, StopReason } from '../conversation.ts';
import { ModelTrouble } from '../model-trouble.ts';
import type { ServerSentEvent } from '../sse.ts';
import { type AnswerReader, count, type Dialect, dataOf, type Json, list, record, text } from './dialect.ts';

function written(message: Message): Json[] {
  switch (message.role) {
    case 'user':
      return [{ role: 'user', content: message.text }];
    case 'assistant':
      return [
        {
          role: 'assistant',
          content: message.text === '' ? null : message.text,
          ...(message.calls.length > 0 && {
            tool_calls: message.calls.map((call) => ({
              id: call.id,
              type: 'function',
              function: { name: call.name, arguments: call.arguments === '' ? '{}' : call.arguments },
            })),
          }),
        },
      ];
    case 'results':
      return message.results.map((result) => ({ role: 'tool', tool_call_id: result.call, content: result.text }));
  }
}

const stops: Readonly<Record<string, StopReason>> = {
  stop: 'done',
  tool_calls: 'calls',
  function_call: 'calls',
  length: 'cut',
  content_filter: 'refused',
};

class OpenaiChatReader implements AnswerReader {
  private readonly calls = new Map<number, { id: string; name: string; json: string }>();
  private stop: StopReason | undefined;
  private closed = false;

  read(event: ServerSentEvent): Piece[] {
    if (event.data.trim() === '[DONE]') return this.close();
    const data = dataOf(event);
    if (data['error'] !== undefined && data['error'] !== null) {
      const message = text(record(data['error'])['message']) || 'the provider reported an error in the stream';
      throw new ModelTrouble({ reason: 'model.failing', message, again: true });
    }
    const [choice] = list(data['choices']);
    const pieces = choice === undefined ? [] : this.choice(choice);
    const usage = record(data['usage']);
    if (usage['prompt_tokens'] !== undefined) {
      pieces.push({ kind: 'usage', input: count(usage['prompt_tokens']), output: count(usage['completion_tokens']) });
    }
    return pieces;
  }

  private choice(choice: Json): Piece[] {
    const delta = record(choice['delta']);
    for (const part of list(delta['tool_calls'])) this.extend(part);
    const reason = text(choice['finish_reason']);
    if (reason !== '') this.stop = stops[reason] ?? 'done';
    const thinking = text(delta['reasoning_content']);
    const said = text(delta['content']);
    return [
      ...(thinking === '' ? [] : [{ kind: 'thinking', text: thinking } as const]),
      ...(said === '' ? [] : [{ kind: 'text', text: said } as const]),
    ];
  }

  private extend(part: Json): void {
    const index = count(part['index']);
    const call = this.calls.get(index) ?? { id: '', name: '', json: '' };
    const called = record(part['function']);
    call.id ||= text(part['id']);
    call.name += text(called['name']);
    call.json += text(called['arguments']);
    this.calls.set(index, call);
  }

  /** A stream without a finish reason has been cut, whatever closes it. */
  close(): Piece[] {
    if (this.stop === undefined || this.closed) return [];
    this.closed = true;
    const calls = [...this.calls].map(([index, { id, name, json }]): Piece => {
      return { kind: 'call', call: { id: id === '' ? `call_${index}` : id, name, arguments: json } };
    });
    return [...calls, { kind: 'end', stop: this.stop }];
  }
}

export const openaiChat: Dialect = {
  path: () => '/v1/chat/completions',
  headers: {},
  body: ({ model, system, messages, tools }: Question) => ({
    model,
    stream: true,
    stream_options: { include_usage: true },
    messages: [...(system === '' ? [] : [{ role: 'system', content: system }]), ...messages.flatMap(written)],
    ...(tools.length > 0 && {
      tools: tools.map(({ name, description, parameters }) => ({
        type: 'function',
        function: { name, description, parameters },
      })),
    }),
  }),
  reader: () => new OpenaiChatReader(),
};
