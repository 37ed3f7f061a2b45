/** Claude Code, headless: the task goes in as a JSON line, questions about tools come out and are answered from the role. */

import { codingAgents } from '@sallyport/core/coding-agents';
import type { Adapter, CliCommand, Turn } from '../cli/adapter.ts';
import { permissionArguments } from './permissions.ts';
import { claudeReader } from './reader.ts';

const agent = codingAgents.find(({ runner }) => runner === 'claude-code');
if (agent === undefined) throw new Error('the table of coding agents lacks claude-code');

const projects = '.claude/projects';

/** Its folder of a project's transcripts is named for the directory it runs in. */
const projectFolder = (directory: string): string => `${projects}/${directory.replace(/[^a-zA-Z0-9]/g, '-')}`;

/** Asks nobody but its model, and gives that up within a minute rather than three. */
const quiet = {
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  DISABLE_AUTOUPDATER: '1',
  DISABLE_TELEMETRY: '1',
  DISABLE_ERROR_REPORTING: '1',
  CLAUDE_CODE_MAX_RETRIES: '4',
  // It refuses to go without questions as root unless it is told that a sandbox is around it, which is so.
  IS_SANDBOX: '1',
} as const;

const userLine = (prompt: string): string =>
  JSON.stringify({ type: 'user', message: { role: 'user', content: [{ type: 'text', text: prompt }] } });

function command({ prompt, model, modelUrl, turns, tools, native }: Turn): CliCommand {
  return {
    args: [
      ['-p', '--input-format', 'stream-json', '--output-format', 'stream-json', '--verbose'],
      ['--include-partial-messages', '--strict-mcp-config', '--model', model],
      permissionArguments(tools),
      turns > 0 ? ['--max-turns', String(turns)] : [],
      native === undefined ? [] : ['--resume', native],
    ].flat(),
    env: { ...quiet, ANTHROPIC_BASE_URL: modelUrl, ANTHROPIC_API_KEY: 'sallyport-no-key' },
    files: [],
    stdin: { text: `${userLine(prompt)}\n`, open: true },
  };
}

export const claudeCode: Adapter = {
  agent,
  instructions: '.claude/CLAUDE.md',
  session: {
    folder: projects,
    keeps: (path, native) =>
      path
        .split('/')
        .slice(3)
        .some((part) => part === native || part === `${native}.jsonl`),
    place: (path, { directory }) => [projectFolder(directory), ...path.split('/').slice(3)].join('/'),
  },
  command,
  reader: claudeReader,
};
