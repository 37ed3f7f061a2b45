/** Gemini: `POST /v1beta/models/MODEL:generateContent`, or `:streamGenerateContent?alt=sse` for unnamed server-sent events. */

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

const modelCall = /\/models\/([^:]+):(generateContent|streamGenerateContent)$/;

/** What a tool answered: its `output` or `error` when it has one, else the whole object. */
function resultText(response: Body): string {
  const said = response['output'] ?? response['error'] ?? response['result'];
  return typeof said === 'string' ? said : JSON.stringify(said ?? response);
}

function entriesOf(content: Body): Entry[] {
  if (content['role'] === 'model') return [];
  const parts = list(content['parts']);
  const said = parts.map((part) => text(part['text'])).join('\n');
  const results = parts.flatMap((part): Entry[] =>
    part['functionResponse'] === undefined
      ? []
      : [{ kind: 'result', text: resultText(record(record(part['functionResponse'])['response'])) }],
  );
  return [...results, ...(said.trim() === '' ? [] : [{ kind: 'said', text: said } as const])];
}

const callPart = (turn: Turn, request: ModelRequest, position: number): Body => {
  const call = turn.calls[position];
  return { functionCall: { id: callId(turn, request, position), name: call?.name ?? '', args: call?.arguments ?? {} } };
};

function answerOf(
  request: ModelRequest,
  parts: readonly Body[],
  closing: { turn: Turn; usage: Usage } | undefined,
): Body {
  const candidate = {
    index: 0,
    content: { role: 'model', parts },
    ...(closing !== undefined && { finishReason: 'STOP' }),
  };
  return {
    candidates: [candidate],
    modelVersion: request.model,
    ...(closing !== undefined && {
      responseId: `resp_${request.inputs}_${closing.turn.index}`,
      usageMetadata: {
        promptTokenCount: closing.usage.input,
        candidatesTokenCount: closing.usage.output,
        totalTokenCount: closing.usage.input + closing.usage.output,
      },
    }),
  };
}

const statuses: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
};

export const gemini: Dialect = {
  name: 'gemini',
  matches: (path) => modelCall.test(path),
  request: (body, path) => {
    const [, model = '', method = ''] = modelCall.exec(path) ?? [];
    const declared = list(body['tools']).flatMap((tool) => list(tool['functionDeclarations']));
    return {
      model: decodeURIComponent(model),
      system: contentText(record(body['systemInstruction'] ?? body['system_instruction'])['parts']),
      entries: list(body['contents']).flatMap(entriesOf),
      tools: declared.map((tool) => ({
        name: text(tool['name']),
        parameters: properties(tool['parametersJsonSchema'] ?? tool['parameters']),
      })),
      stream: method === 'streamGenerateContent',
    };
  },
  stream: (turn, request, usage) => {
    const calls = turn.calls.map((_call, position) => callPart(turn, request, position));
    const said = pieces(turn.text).map((piece) => answerOf(request, [{ text: piece }], undefined));
    const closing = answerOf(request, calls.length > 0 ? calls : [{ text: '' }], { turn, usage });
    return [...said, closing].map((answer) => `data: ${JSON.stringify(answer)}\n\n`);
  },
  whole: (turn, request, usage) => {
    const calls = turn.calls.map((_call, position) => callPart(turn, request, position));
    return answerOf(request, [...(turn.text === '' ? [] : [{ text: turn.text }]), ...calls], { turn, usage });
  },
  error: (status, message) => ({ error: { code: status, message, status: statuses[status] ?? 'UNKNOWN' } }),
};
