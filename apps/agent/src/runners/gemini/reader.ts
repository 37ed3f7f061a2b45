/** Lines of `gemini --output-format stream-json` as events. */

import { resolve } from 'node:path';
import type { AgentEvent } from '../../event.ts';
import type { Line, Reader, Reading, Turn } from '../cli/adapter.ts';
import type { Closing } from '../cli/evidence.ts';
import { count, record, shown, text } from '../cli/line-fields.ts';
import { clip } from '../native/tools/tool.ts';

const nothing: Reading = { events: [] };
const workspaces = '/workspace/';

/** Tools that change the file their parameters name. */
const writers: ReadonlySet<string> = new Set(['write_file', 'replace']);

/** A command that failed is a success to it, and its last line says that it failed: our own shell's words, where it has none. */
export const failedCommand = /(?:^|\n)Command exited with code: [1-9]\d*\s*$/;

/** Errors of a call that was refused rather than run. */
const refusals: ReadonlySet<string> = new Set(['policy_violation', 'tool_not_registered']);

/** A word of its own about the model, whose shape depends on what went wrong. */
const modelWord = /^\[API Error: /;

function closingOf(line: Line): Closing {
  if (text(line['status']) === 'success') return { kind: 'done' };
  const error = record(line['error']);
  const message = text(error['message']) || 'it ended with an error and did not say which';
  if (text(error['type']) === 'FatalTurnLimitedError') return { kind: 'budget', message };
  if (modelWord.test(message)) return { kind: 'model', message, denied: message.includes('sally-deny') };
  return { kind: 'failed', message };
}

class GeminiReader {
  private readonly turn: Turn;
  private readonly calls = new Map<string, { readonly tool: string; readonly path: string }>();
  private said = '';
  private reply = '';
  private modelTurns = 0;
  private speaking = false;

  constructor(turn: Turn) {
    this.turn = turn;
  }

  read(line: Line): Reading | undefined {
    switch (line['type']) {
      case 'init': {
        const { session } = this.turn;
        const started = { session, model: text(line['model']), tools: [...this.turn.tools] };
        return { events: [{ sessionStarted: started }], native: text(line['session_id']) };
      }
      case 'message':
        return this.message(line);
      case 'tool_use':
        return this.called(line);
      case 'tool_result':
        return this.result(line);
      case 'result':
        return this.ended(line);
      default:
        return undefined;
    }
  }

  private message(line: Line): Reading {
    if (line['role'] !== 'assistant') return nothing;
    const piece = text(line['content']);
    this.speaking = true;
    this.said += piece;
    return { events: piece === '' ? [] : [{ messageDelta: { text: clip(piece) } }] };
  }

  /** The message that is whole when something else begins. */
  private spoken(): { events: AgentEvent[]; reply?: string } {
    if (this.said === '') return { events: [] };
    this.reply = this.said;
    this.said = '';
    return { events: [{ messageCompleted: { text: clip(this.reply) } }], reply: this.reply };
  }

  /** A model turn is over when its calls begin to be answered, or with the whole. */
  private turnOver(): AgentEvent[] {
    if (!this.speaking) return [];
    this.speaking = false;
    this.modelTurns += 1;
    return [{ turnCompleted: { turn: this.modelTurns } }];
  }

  private called(line: Line): Reading {
    const call = text(line['tool_id']);
    const tool = text(line['tool_name']);
    const parameters = record(line['parameters']);
    const path = writers.has(tool) ? text(parameters['file_path']) : '';
    this.calls.set(call, { tool, path: path === '' ? '' : resolve(this.turn.directory, path) });
    this.speaking = true;
    const spoken = this.spoken();
    const started: AgentEvent = { toolStarted: { call, tool, arguments: clip(shown(parameters)) } };
    return { ...spoken, events: [...spoken.events, started] };
  }

  private result(line: Line): Reading {
    const call = text(line['tool_id']);
    const { tool = '', path = '' } = this.calls.get(call) ?? {};
    const error = record(line['error']);
    const said = text(line['output']) || text(error['message']);
    const ok = line['status'] === 'success' && !(tool === 'run_shell_command' && failedCommand.test(said));
    const events: AgentEvent[] = [
      ...this.turnOver(),
      { toolCompleted: { call, tool, ok, text: clip(said) } },
      ...(ok && path.startsWith(workspaces) ? [{ fileChanged: { path: path.slice(workspaces.length) } }] : []),
    ];
    const refused = this.turn.tools.length > 0 && refusals.has(text(error['type']));
    return { events, ...(refused && { denied: [call] }) };
  }

  private ended(line: Line): Reading {
    const spoken = this.spoken();
    const stats = record(line['stats']);
    const usage = { inputTokens: count(stats['input_tokens']), outputTokens: count(stats['output_tokens']) };
    const events: AgentEvent[] = [...spoken.events, ...this.turnOver(), { usageUpdated: usage }];
    return { ...spoken, events, closing: closingOf(line) };
  }
}

export function geminiReader(turn: Turn): Reader {
  const reader = new GeminiReader(turn);
  return (line) => reader.read(line);
}
