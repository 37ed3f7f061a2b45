/** Which of Codex's tools a role allows: asked before each call by its own hook, since it asks nobody when it runs headless. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentEvent } from '../../event.ts';
import type { HomeFile, Reading, Turn } from '../cli/adapter.ts';
import { record, shown, text } from '../cli/line-fields.ts';
import { clip } from '../native/tools/tool.ts';

/** Its tools behind our names. */
const behind: Readonly<Record<string, readonly string[]>> = {
  bash: ['Bash'],
  read_file: ['view_image'],
  write_file: ['apply_patch'],
  edit_file: ['apply_patch'],
  list_files: [],
};

/** Tools that keep its own notes and touch nothing else. */
const harmless = ['update_plan', 'get_goal', 'create_goal', 'update_goal'];

const folder = '.codex';
const answersPath = `${folder}/answers.jsonl`;

/**
 * The hook: one call as JSON on its stdin; exit code 2 refuses it with the reason on stderr. It notes every answer. Codex runs a tool
 * when a hook fails in any other way, so nothing here may: what is not allowed is refused, whatever went wrong.
 */
const hookSource = (allowed: readonly string[], tools: readonly string[]): string => `
import { appendFileSync, readFileSync } from 'node:fs';
try {
  const { tool_name: tool, tool_use_id: call, tool_input: input } = JSON.parse(readFileSync(0, 'utf8'));
  const ok = ${JSON.stringify(allowed)}.includes(tool);
  appendFileSync(new URL('answers.jsonl', import.meta.url), JSON.stringify({ call, tool, input, ok }) + '\\n');
  if (ok) process.exit(0);
  console.error('This role does not allow the tool ' + tool + '. It allows: ' + ${JSON.stringify(tools.join(', '))} + '. Do not try it again.');
} catch (error) {
  console.error('The call could not be judged and is refused: ' + error.message);
}
process.exit(2);
`;

/** What a role that names its tools puts into HOME; nothing for one that names none. */
export function permitFiles({ tools, home }: Turn): readonly HomeFile[] {
  if (tools.length === 0) return [];
  const allowed = [...tools.flatMap((name) => behind[name] ?? [name]), ...harmless];
  // A hook that is not there, or cannot start, refuses too.
  const command = `'${process.execPath}' '${join(home, folder, 'permit.mjs')}' || exit 2`;
  const hooks = { PreToolUse: [{ matcher: '*', hooks: [{ type: 'command', command }] }] };
  return [
    { path: `${folder}/permit.mjs`, data: hookSource(allowed, tools) },
    { path: `${folder}/hooks.json`, data: JSON.stringify({ hooks }) },
    { path: answersPath, data: '' },
  ];
}

/** Its stream is silent about a refused call; the hook's notes are not. */
export async function refusals({ tools, home }: Turn): Promise<Reading> {
  if (tools.length === 0) return { events: [] };
  const notes = await readFile(join(home, answersPath), 'utf8').catch(() => '');
  const answers = notes.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [record(JSON.parse(line))];
    } catch {
      return [];
    }
  });
  const refused = answers.filter(({ ok }) => ok !== true);
  const events = refused.flatMap((answer): AgentEvent[] => {
    const call = text(answer['call']);
    const tool = text(answer['tool']);
    return [
      { toolStarted: { call, tool, arguments: clip(shown(answer['input'])) } },
      { toolCompleted: { call, tool, ok: false, text: 'refused: the role does not allow it' } },
    ];
  });
  return { events, refusedLast: answers.at(-1)?.['ok'] === false };
}
