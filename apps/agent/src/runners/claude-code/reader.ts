/** Lines of `claude --output-format stream-json` as events. */

import type { AgentEvent } from '../../event.ts';
import type { Line, Reader, Reading, Turn } from '../cli/adapter.ts';
import type { Closing } from '../cli/evidence.ts';
import { count, list, record, shown, text, texts } from '../cli/line-fields.ts';
import { clip } from '../native/tools/tool.ts';
import { answerQuestion } from './permissions.ts';

const nothing: Reading = { events: [] };
const workspaces = '/workspace/';

/** Tools that change the file their input names. */
const writers: Readonly<Record<string, string>> = {
  Write: 'file_path',
  Edit: 'file_path',
  NotebookEdit: 'notebook_path',
};

/** How its closing line ended the turn. */
function closingOf(line: Line): Closing {
  const subtype = text(line['subtype']);
  const message = text(line['result']) || texts(line['errors']).join('; ') || subtype;
  const status = line['api_error_status'];
  if (subtype === 'error_max_turns' || subtype.startsWith('error_max_budget')) return { kind: 'budget', message };
  if (typeof status === 'number') return { kind: 'model', message, status, denied: message.includes('sally-deny') };
  if (text(line['terminal_reason']) === 'api_error') return { kind: 'model', message };
  if (subtype !== 'success' || line['is_error'] === true) return { kind: 'failed', message };
  return { kind: 'done' };
}

/** Reads one turn; holds what a later line refers back to. */
class ClaudeReader {
  private readonly turn: Turn;
  private readonly calls = new Map<string, { readonly tool: string; readonly path: string }>();
  private modelTurns = 0;
  private inputTokens: unknown;

  constructor(turn: Turn) {
    this.turn = turn;
  }

  read(line: Line): Reading | undefined {
    switch (line['type']) {
      case 'system':
        return this.system(line);
      case 'stream_event':
        return { events: this.streamed(record(line['event'])) };
      case 'assistant':
        return this.assistant(line);
      case 'user':
        return this.results(line);
      case 'control_request':
        return answerQuestion(line, this.turn.tools);
      case 'control_cancel_request':
        return nothing;
      case 'result':
        return {
          events: [],
          closing: closingOf(line),
          ...(text(line['result']) !== '' && { reply: text(line['result']) }),
        };
      default:
        return undefined;
    }
  }

  private system(line: Line): Reading | undefined {
    switch (line['subtype']) {
      case 'init': {
        const session = { session: this.turn.session, model: text(line['model']), tools: texts(line['tools']) };
        return { events: [{ sessionStarted: session }], native: text(line['session_id']) };
      }
      case 'api_retry': {
        const cause = [line['error_status'], line['error']]
          .filter((word) => word !== undefined && word !== null)
          .map(shown)
          .join(' ');
        const attempt = Number(count(line['attempt']));
        return { events: [{ retry: { attempt, waitMillis: count(line['retry_delay_ms']), cause } }] };
      }
      case 'status':
      case 'ui_invalidate':
        return nothing;
      default:
        return undefined;
    }
  }

  private streamed(event: Line): AgentEvent[] {
    switch (event['type']) {
      case 'message_start':
        this.inputTokens = record(record(event['message'])['usage'])['input_tokens'];
        return [];
      case 'content_block_delta': {
        const piece = text(record(event['delta'])['text']);
        return piece === '' ? [] : [{ messageDelta: { text: clip(piece) } }];
      }
      case 'message_delta': {
        const outputTokens = count(record(event['usage'])['output_tokens']);
        return [{ usageUpdated: { inputTokens: count(this.inputTokens), outputTokens } }];
      }
      case 'message_stop':
        this.modelTurns += 1;
        return [{ turnCompleted: { turn: this.modelTurns } }];
      default:
        return [];
    }
  }

  private assistant(line: Line): Reading {
    const events: AgentEvent[] = [];
    let reply: string | undefined;
    for (const block of list(record(line['message'])['content']).map(record)) {
      if (block['type'] === 'text') {
        reply = text(block['text']);
        events.push({ messageCompleted: { text: clip(reply) } });
      } else if (block['type'] === 'thinking') {
        events.push({ thinking: { text: clip(text(block['thinking'])) } });
      } else if (block['type'] === 'tool_use') {
        events.push(this.called(block));
      }
    }
    // What a helper of the agent says is no word of the agent's own.
    const own = reply !== undefined && text(line['parent_tool_use_id']) === '';
    return { events, ...(own && reply !== undefined && { reply }) };
  }

  private called(block: Line): AgentEvent {
    const call = text(block['id']);
    const tool = text(block['name']);
    this.calls.set(call, { tool, path: text(record(block['input'])[writers[tool] ?? '']) });
    return { toolStarted: { call, tool, arguments: clip(shown(block['input'])) } };
  }

  private results(line: Line): Reading {
    const events: AgentEvent[] = [];
    for (const block of list(record(line['message'])['content']).map(record)) {
      if (block['type'] !== 'tool_result') continue;
      const call = text(block['tool_use_id']);
      const { tool = '', path = '' } = this.calls.get(call) ?? {};
      const ok = block['is_error'] !== true;
      events.push({ toolCompleted: { call, tool, ok, text: clip(resultText(block['content'])) } });
      if (ok && path.startsWith(workspaces)) events.push({ fileChanged: { path: path.slice(workspaces.length) } });
    }
    const denied = list(line['tool_result_meta'])
      .map(record)
      .filter((meta) => /^(?:deny|reject)/.test(text(record(meta['permission_decision'])['decision'])))
      .map((meta) => text(meta['id']));
    return { events, denied };
  }
}

/** Text blocks of a result, one after the other; anything else is named. */
const resultText = (content: unknown): string =>
  Array.isArray(content)
    ? content.map((part) => text(record(part)['text']) || `[${text(record(part)['type'])}]`).join('\n')
    : shown(content);

export function claudeReader(turn: Turn): Reader {
  const reader = new ClaudeReader(turn);
  return (line) => reader.read(line);
}
