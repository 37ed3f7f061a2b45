/** What an agent tells about a prompt under way, `session/update`, as events. */

import type { AgentEvent } from '../../event.ts';
import type { Line } from '../cli/adapter.ts';
import { count, list, record, shown, text } from '../cli/line-fields.ts';
import { failedCommand } from '../gemini/reader.ts';
import { clip } from '../native/tools/tool.ts';
import type { Called } from './permission.ts';

const workspaces = '/workspace/';

/** Kinds of calls that change the files they name. */
const writers: ReadonlySet<string> = new Set(['edit', 'delete', 'move']);

/** Said about the session rather than the prompt. */
const quiet: ReadonlySet<string> = new Set([
  'user_message_chunk',
  'available_commands_update',
  'current_mode_update',
  'config_option_update',
  'session_info_update',
  'usage_update',
]);

interface Call extends Called {
  readonly paths: ReadonlySet<string>;
  readonly told: boolean;
  readonly ended: boolean;
}

const fresh: Call = { kind: '', tool: '', paths: new Set(), told: false, ended: false };

/** A command's exit code where an agent tells it beside the result. */
function exitCode(output: unknown): number {
  const { metadata, exit_code: snake, exitCode: camel } = record(output);
  const code = [record(metadata)['exit'], snake, camel].find((value) => typeof value === 'number');
  return typeof code === 'number' ? code : 0;
}

function textOf(part: Line): string {
  switch (part['type']) {
    case 'content': {
      const block = record(part['content']);
      return text(block['text']) || `[${text(block['type'])}]`;
    }
    case 'diff':
      return `[changes ${text(part['path'])}]`;
    default:
      return '';
  }
}

export class Updates {
  private readonly calls = new Map<string, Call>();
  private said = '';
  private modelTurns = 0;
  private speaking = false;
  /** The last whole message. */
  reply = '';

  /** Events of one update; a kind nobody knows is shown as it is. */
  read(update: Line): AgentEvent[] {
    const kind = text(update['sessionUpdate']);
    switch (kind) {
      case 'agent_message_chunk':
        return this.piece(record(update['content']));
      case 'agent_thought_chunk':
        return [{ thinking: { text: clip(text(record(update['content'])['text'])) } }];
      case 'tool_call':
      case 'tool_call_update':
        return this.call(update);
      default:
        return quiet.has(kind) ? [] : [{ raw: { text: clip(JSON.stringify(update)) } }];
    }
  }

  /** What is known of a call that is asked about, which some agents announce by the question alone. */
  asked(call: Line): { readonly called: Called; readonly events: AgentEvent[] } {
    const events = this.call({ ...call, status: 'in_progress' });
    return { called: this.called(text(call['toolCallId'])), events };
  }

  /** What is known of a call; of one that nobody announced, nothing. */
  called(id: string): Called {
    return this.calls.get(id) ?? fresh;
  }

  /** The prompt is over: what was said last is whole, and a call whose end was not told did not come to one. */
  end(usage: Line): AgentEvent[] {
    const open = [...this.calls].filter(([, { told, ended }]) => told && !ended);
    const cut = open.map(([call, { tool }]) => ({ toolCompleted: { call, tool, ok: false, text: '' } }));
    const spoken = [...cut, ...this.spoken()];
    const used = record(usage['usage']);
    const counted = record(record(record(usage['_meta'])['quota'])['token_count']);
    const inputTokens = count(used['inputTokens'] ?? counted['input_tokens']);
    const outputTokens = count(used['outputTokens'] ?? counted['output_tokens']);
    const isKnown = inputTokens !== '0' || outputTokens !== '0';
    return [...spoken, ...this.turnOver(), ...(isKnown ? [{ usageUpdated: { inputTokens, outputTokens } }] : [])];
  }

  private piece(content: Line): AgentEvent[] {
    const piece = text(content['text']) || (content['type'] === 'text' ? '' : `[${text(content['type'])}]`);
    this.speaking = true;
    this.said += piece;
    return piece === '' ? [] : [{ messageDelta: { text: clip(piece) } }];
  }

  private spoken(): AgentEvent[] {
    if (this.said === '') return [];
    this.reply = this.said;
    this.said = '';
    return [{ messageCompleted: { text: clip(this.reply) } }];
  }

  private turnOver(): AgentEvent[] {
    if (!this.speaking) return [];
    this.speaking = false;
    this.modelTurns += 1;
    return [{ turnCompleted: { turn: this.modelTurns } }];
  }

  private began(id: string, call: Call, update: Line): AgentEvent[] {
    this.calls.set(id, { ...call, told: true });
    this.speaking = true;
    const given = update['rawInput'] ?? { title: text(update['title']) };
    return [...this.spoken(), { toolStarted: { call: id, tool: call.tool, arguments: clip(shown(given)) } }];
  }

  private call(update: Line): AgentEvent[] {
    const id = text(update['toolCallId']);
    const status = text(update['status']);
    const call = merged(this.calls.get(id) ?? fresh, update);
    this.calls.set(id, call);
    // Of a call that is pending, some agents know no more than the tool.
    if (status === 'pending' || status === '') return [];
    const events = call.told ? [] : this.began(id, call, update);
    if (call.ended || (status !== 'completed' && status !== 'failed')) return events;
    this.calls.set(id, { ...call, told: true, ended: true });
    const said = list(update['content']).map((part) => textOf(record(part)));
    const hasFailed =
      exitCode(update['rawOutput']) !== 0 || (call.kind === 'execute' && failedCommand.test(said.at(-1) ?? ''));
    const ok = status === 'completed' && !hasFailed;
    const changed = ok && writers.has(call.kind) ? [...call.paths].filter((path) => path.startsWith(workspaces)) : [];
    return [
      ...events,
      ...this.turnOver(),
      { toolCompleted: { call: id, tool: call.tool, ok, text: clip(said.join('\n')) } },
      ...changed.map((path) => ({ fileChanged: { path: path.slice(workspaces.length) } })),
    ];
  }
}

/** An update tells only what has changed. */
function merged(before: Call, update: Line): Call {
  const kind = text(update['kind']) || before.kind;
  const named = text(update['name']) || (kind === 'other' ? '' : kind) || text(update['title']);
  const parts = [...list(update['locations']), ...list(update['content'])].map(record);
  const paths = parts.map((part) => text(part['path'])).filter((path) => path !== '');
  return { ...before, kind, tool: before.tool || named, paths: new Set([...before.paths, ...paths]) };
}
