/** Lines of `codex exec --json` as events. */

import type { AgentEvent } from '../../event.ts';
import type { Line, Reader, Reading, Turn } from '../cli/adapter.ts';
import type { Closing } from '../cli/evidence.ts';
import { count, list, record, shown, text } from '../cli/line-fields.ts';
import { clip } from '../native/tools/tool.ts';

const nothing: Reading = { events: [] };
const workspaces = '/workspace/';

/** `Reconnecting... 2/5 (cause)`: its one word for a model call that is tried again. */
const reconnecting = /^Reconnecting\.\.\. (\d+)\/\d+(?: \((.*)\))?$/s;

/** The HTTP status in the message of its structured error. */
const statusOf = (message: string): number | undefined => {
  const found = /\bstatus:? (\d{3})\b/.exec(message)?.[1];
  return found === undefined ? undefined : Number(found);
};

/** Words of its own for a stream that ended before its end. */
const broken = /^(?:stream disconnected|stream error|error sending request|Connection failed|timeout waiting)/i;

export function closingOf(message: string): Closing {
  const status = statusOf(message);
  if (status !== undefined) return { kind: 'model', message, status };
  return broken.test(message) ? { kind: 'model', message } : { kind: 'failed', message };
}

/** A call of a tool as its item tells it, or undefined for an item that is none. */
function callOf(item: Line): { tool: string; args: unknown; ok: boolean; output: string } | undefined {
  const done = item['status'] === 'completed';
  switch (item['type']) {
    case 'command_execution':
      return {
        tool: 'exec_command',
        args: { cmd: item['command'] },
        ok: done && item['exit_code'] === 0,
        output: text(item['aggregated_output']),
      };
    case 'file_change':
      return { tool: 'apply_patch', args: { changes: item['changes'] }, ok: done, output: text(item['status']) };
    case 'mcp_tool_call': {
      const output = shown(item['error'] ?? item['result']);
      return { tool: `${text(item['server'])}.${text(item['tool'])}`, args: item['arguments'], ok: done, output };
    }
    default:
      return undefined;
  }
}

function item(line: Line): Reading | undefined {
  const content = record(line['item']);
  const isEnd = line['type'] === 'item.completed';
  const call = text(content['id']);
  const called = callOf(content);
  if (called !== undefined) {
    const started: AgentEvent = { toolStarted: { call, tool: called.tool, arguments: clip(shown(called.args)) } };
    if (line['type'] === 'item.started') return { events: [started] };
    if (!isEnd) return nothing;
    const { tool, ok, output } = called;
    // A change of files is told once, when it is over.
    const events: AgentEvent[] = content['type'] === 'command_execution' ? [] : [started];
    events.push({ toolCompleted: { call, tool, ok, text: clip(output) } });
    if (ok) events.push(...changed(content));
    return { events, ...(content['status'] === 'declined' && { denied: [call] }) };
  }
  switch (content['type']) {
    case 'agent_message': {
      if (!isEnd) return nothing;
      const reply = text(content['text']);
      return { events: [{ messageCompleted: { text: clip(reply) } }], reply };
    }
    case 'reasoning':
      return isEnd ? { events: [{ thinking: { text: clip(text(content['text'])) } }] } : nothing;
    default:
      return undefined;
  }
}

const changed = (content: Line): AgentEvent[] =>
  list(content['changes'])
    .map((change) => text(record(change)['path']))
    .filter((path) => path.startsWith(workspaces))
    .map((path) => ({ fileChanged: { path: path.slice(workspaces.length) } }));

export function codexReader({ session, model }: Turn): Reader {
  return (line) => {
    switch (line['type']) {
      case 'thread.started':
        return { events: [{ sessionStarted: { session, model, tools: [] } }], native: text(line['thread_id']) };
      case 'turn.started':
        return nothing;
      case 'item.started':
      case 'item.updated':
      case 'item.completed':
        return item(line);
      case 'error': {
        const [, attempt, cause = ''] = reconnecting.exec(text(line['message'])) ?? [];
        if (attempt === undefined) return undefined;
        return { events: [{ retry: { attempt: Number(attempt), waitMillis: '0', cause: clip(cause) } }] };
      }
      case 'turn.completed': {
        const usage = record(line['usage']);
        const used = { inputTokens: count(usage['input_tokens']), outputTokens: count(usage['output_tokens']) };
        return { events: [{ usageUpdated: used }, { turnCompleted: { turn: 1 } }], closing: { kind: 'done' } };
      }
      case 'turn.failed':
        return { events: [], closing: closingOf(text(record(line['error'])['message'])) };
      default:
        return undefined;
    }
  };
}
