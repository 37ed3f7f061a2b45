/** Lines of `opencode run --format json` as events; each tells of something that is over. */

import { resolve } from 'node:path';
import type { AgentEvent } from '../../event.ts';
import type { Line, Reader, Reading, Turn } from '../cli/adapter.ts';
import type { Closing } from '../cli/evidence.ts';
import { count, record, shown, text } from '../cli/line-fields.ts';
import { clip } from '../native/tools/tool.ts';

const nothing: Reading = { events: [] };
const workspaces = '/workspace/';

/** Tools that change the file their input names. */
const writers: ReadonlySet<string> = new Set(['write', 'edit']);

/** Words for a call that was refused rather than run: where the role takes the tool away, and where nobody can be asked. */
const unavailable = /^Model tried to call unavailable tool /;
const rejected = /^The user (?:rejected|has specified a rule)/;

/** Ends of an answer that the model did not choose. */
const cuts: ReadonlySet<string> = new Set(['length', 'content-filter', 'error']);

function closingOf(error: Line): Closing {
  const name = text(error['name']);
  const data = record(error['data']);
  const message = text(data['message']) || name || 'it ended with an error and did not say which';
  if (name !== 'APIError') return { kind: 'failed', message };
  const status = data['statusCode'];
  const denied = record(data['responseHeaders'])['sally-deny-reason'] !== undefined;
  return { kind: 'model', message, denied, ...(typeof status === 'number' && { status }) };
}

class OpencodeReader {
  private readonly turn: Turn;
  private begun = false;
  private modelTurns = 0;

  constructor(turn: Turn) {
    this.turn = turn;
  }

  read(line: Line): Reading | undefined {
    const part = record(line['part']);
    const reading = this.one(text(line['type']), part, line);
    const native = text(line['sessionID']);
    return reading === undefined || native === '' ? reading : { ...reading, native };
  }

  private one(type: string, part: Line, line: Line): Reading | undefined {
    switch (type) {
      case 'step_start':
        return this.started();
      case 'text':
        return { events: [{ messageCompleted: { text: clip(text(part['text'])) } }], reply: text(part['text']) };
      case 'reasoning':
        return { events: [{ thinking: { text: clip(text(part['text'])) } }] };
      case 'tool_use':
        return this.called(part);
      case 'step_finish':
        return this.finished(part);
      case 'error':
        return { events: [], closing: closingOf(record(line['error'])) };
      default:
        return undefined;
    }
  }

  private started(): Reading {
    if (this.begun) return nothing;
    this.begun = true;
    const { session, model, tools } = this.turn;
    return { events: [{ sessionStarted: { session, model, tools: [...tools] } }] };
  }

  private called(part: Line): Reading {
    const call = text(part['callID']);
    const tool = text(part['tool']);
    const state = record(part['state']);
    const input = record(state['input']);
    const exit = record(state['metadata'])['exit'];
    const said = text(state['error']) || text(state['output']);
    const failed = state['status'] !== 'completed';
    const ok = !failed && (typeof exit !== 'number' || exit === 0);
    const path = writers.has(tool) ? resolve(this.turn.directory, text(input['filePath'])) : '';
    const events: AgentEvent[] = [
      { toolStarted: { call, tool, arguments: clip(shown(input)) } },
      { toolCompleted: { call, tool, ok, text: clip(said) } },
      ...(ok && path.startsWith(workspaces) ? [{ fileChanged: { path: path.slice(workspaces.length) } }] : []),
    ];
    const refused = failed && (rejected.test(said) || (this.turn.tools.length > 0 && unavailable.test(said)));
    return { events, ...(refused && { denied: [call] }) };
  }

  private finished(part: Line): Reading {
    this.modelTurns += 1;
    const tokens = record(part['tokens']);
    const usage = { inputTokens: count(tokens['input']), outputTokens: count(tokens['output']) };
    const events: AgentEvent[] = [{ usageUpdated: usage }, { turnCompleted: { turn: this.modelTurns } }];
    // Its last step has no calls to answer; the program ends by itself after it.
    const reason = text(part['reason']);
    if (reason === 'tool-calls') return { events };
    if (!cuts.has(reason)) return { events, closing: { kind: 'done' } };
    return { events, closing: { kind: 'failed', message: `the answer ended with ${reason}` } };
  }
}

export function opencodeReader(turn: Turn): Reader {
  const reader = new OpencodeReader(turn);
  return (line) => reader.read(line);
}
