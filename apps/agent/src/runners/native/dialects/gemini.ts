/** Gemini's generateContent, streamed as server-sent events. */

import type { Call, CallResult, Message, Piece, Question, StopReason } from '../conversation.ts';
import { ModelTrouble } from '../model-trouble.ts';
import type { ServerSentEvent } from '../sse.ts';
import {
  type AnswerReader,
  argumentsObject,
  count,
  type Dialect,
  dataOf,
  type Json,
  list,
  record,
  text,
} from './dialect.ts';

const calledPart = ({ id, name, arguments: json, signature }: Call): Json => ({
  functionCall: { id, name, args: argumentsObject(json) },
  ...(signature !== undefined && { thoughtSignature: signature }),
});

const resultPart = (result: CallResult, name: string): Json => ({
  functionResponse: { id: result.call, name, response: { [result.ok ? 'output' : 'error']: result.text } },
});

/** A result carries the name of what was called, which only the call knows. */
function contentsOf(messages: readonly Message[]): Json[] {
  const names = new Map<string, string>();
  const contents = messages.map((message): { role: string; parts: Json[] } => {
    switch (message.role) {
      case 'user':
        return { role: 'user', parts: [{ text: message.text }] };
      case 'assistant':
        for (const { id, name } of message.calls) names.set(id, name);
        return {
          role: 'model',
          parts: [...(message.text === '' ? [] : [{ text: message.text }]), ...message.calls.map(calledPart)],
        };
      case 'results':
        return {
          role: 'user',
          parts: message.results.map((result) => resultPart(result, names.get(result.call) ?? '')),
        };
    }
  });
  // A content without a part is refused.
  return contents.filter(({ parts }) => parts.length > 0);
}

const stops: Readonly<Record<string, StopReason>> = {
  STOP: 'done',
  MAX_TOKENS: 'cut',
  SAFETY: 'refused',
  RECITATION: 'refused',
  LANGUAGE: 'refused',
  BLOCKLIST: 'refused',
  PROHIBITED_CONTENT: 'refused',
  SPII: 'refused',
};

/** Ends that are the model's slip rather than its word; another try may go well. */
const slips = new Set(['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL', 'MALFORMED_RESPONSE']);

function errorOf(error: Json): ModelTrouble {
  const code = count(error['code']);
  const again = code === 429 || code >= 500;
  return new ModelTrouble({
    reason: code === 429 ? 'model.busy' : again ? 'model.failing' : 'model.refused',
    message: `${text(error['status'])}: ${text(error['message'])}`,
    again,
  });
}

class GeminiReader implements AnswerReader {
  private calls = 0;

  read(event: ServerSentEvent): Piece[] {
    const data = dataOf(event);
    if (data['error'] !== undefined) throw errorOf(record(data['error']));
    const blocked = text(record(data['promptFeedback'])['blockReason']);
    if (blocked !== '') return [...used(data), { kind: 'end', stop: 'refused' }];
    const [candidate] = list(data['candidates']);
    if (candidate === undefined) return [];
    const pieces = list(record(candidate['content'])['parts']).flatMap((part) => this.part(part));
    const reason = text(candidate['finishReason']);
    if (reason === '') return pieces;
    if (slips.has(reason)) {
      throw new ModelTrouble({ reason: 'model.failing', message: `the model ended with ${reason}`, again: true });
    }
    const stop = this.calls > 0 ? 'calls' : (stops[reason] ?? 'refused');
    return [...pieces, ...used(data), { kind: 'end', stop }];
  }

  close(): Piece[] {
    return [];
  }

  private part(part: Json): Piece[] {
    if (part['functionCall'] !== undefined) return [{ kind: 'call', call: this.call(part) }];
    const said = text(part['text']);
    if (said === '') return [];
    return [{ kind: part['thought'] === true ? 'thinking' : 'text', text: said }];
  }

  private call(part: Json): Call {
    const called = record(part['functionCall']);
    const signature = text(part['thoughtSignature']);
    this.calls += 1;
    return {
      id: text(called['id']) || `call_${this.calls}_${text(called['name'])}`,
      name: text(called['name']),
      arguments: JSON.stringify(record(called['args'])),
      ...(signature !== '' && { signature }),
    };
  }
}

function used(data: Json): Piece[] {
  const usage = record(data['usageMetadata']);
  if (usage['promptTokenCount'] === undefined) return [];
  const output = count(usage['candidatesTokenCount']) + count(usage['thoughtsTokenCount']);
  return [{ kind: 'usage', input: count(usage['promptTokenCount']), output }];
}

export const gemini: Dialect = {
  path: ({ model }) => `/v1beta/models/${encodeURIComponent(model)}:streamGenerateContent?alt=sse`,
  headers: {},
  body: ({ system, messages, tools }: Question) => ({
    ...(system !== '' && { systemInstruction: { parts: [{ text: system }] } }),
    contents: contentsOf(messages),
    ...(tools.length > 0 && {
      tools: [
        {
          functionDeclarations: tools.map(({ name, description, parameters }) => ({
            name,
            description,
            parametersJsonSchema: parameters,
          })),
        },
      ],
    }),
  }),
  reader: () => new GeminiReader(),
};
