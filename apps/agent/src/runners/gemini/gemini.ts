/** Gemini CLI, headless: the task goes in by stdin, one JSON object a line comes out. */

import { codingAgents } from '@sallyport/core/coding-agents';
import type { Adapter, CliCommand, Turn } from '../cli/adapter.ts';
import type { Closing } from '../cli/evidence.ts';
import type { Exit } from '../process-group.ts';
import { policyOf } from './policy.ts';
import { geminiReader } from './reader.ts';

const agent = codingAgents.find(({ runner }) => runner === 'gemini');
if (agent === undefined) throw new Error('the table of coding agents lacks gemini');

/** Its own name of the directory it works in, which it would otherwise derive from it. */
const project = 'sallyport';
const chats = `.gemini/tmp/${project}/chats`;
const policy = '.gemini/sallyport.toml';
const preload = '.gemini/sallyport.mjs';
const shellStart = '.gemini/sallyport.sh';

/** It ends itself while output still waits for its reader, and so loses what was not written at once; and its commands are not Node's business. */
const writeAtOnce = 'process.stdout._handle?.setBlocking?.(true);\ndelete process.env.NODE_OPTIONS;\n';

/** It tells the exit code of a command only where there was no output. The words are its own; scripts that a command starts say nothing. */
const tellExit = `unset BASH_ENV
trap 'code=$?; if [ $code -ne 0 ]; then echo "Command exited with code: $code" >&2; fi' EXIT
`;

/** Asks nobody but its model, and gives that up within half a minute. */
const settings = ({ turns }: Turn): object => ({
  security: { auth: { selectedType: 'gemini-api-key' }, folderTrust: { enabled: false } },
  privacy: { usageStatisticsEnabled: false },
  telemetry: { enabled: false },
  general: {
    maxAttempts: 4,
    enableAutoUpdate: false,
    enableAutoUpdateNotification: false,
    checkpointing: { enabled: false },
    sessionRetention: { enabled: false },
  },
  advanced: { autoConfigureMemory: false },
  // A sandbox has no terminals to give.
  tools: { shell: { enableInteractiveShell: false } },
  ...(turns > 0 && { model: { maxSessionTurns: turns } }),
});

function command(turn: Turn): CliCommand {
  const { prompt, model, modelUrl, tools, directory, home, native } = turn;
  return {
    args: [
      ['--output-format', 'stream-json', '--approval-mode', 'yolo', '--skip-trust', '--model', model],
      ['--policy', `${home}/${policy}`],
      native === undefined ? [] : ['--resume', native],
    ].flat(),
    env: {
      GEMINI_API_KEY: 'sallyport-no-key',
      GOOGLE_GEMINI_BASE_URL: modelUrl,
      GEMINI_MODEL: model,
      // One process instead of two.
      GEMINI_CLI_NO_RELAUNCH: 'true',
      NODE_OPTIONS: `--import=file://${home}/${preload}`,
      BASH_ENV: `${home}/${shellStart}`,
    },
    files: [
      { path: '.gemini/settings.json', data: JSON.stringify(settings(turn)) },
      { path: '.gemini/projects.json', data: JSON.stringify({ projects: { [directory]: project } }) },
      { path: policy, data: policyOf(tools) },
      { path: preload, data: writeAtOnce },
      { path: shellStart, data: tellExit },
    ],
    stdin: { text: prompt, open: false },
  };
}

/** Exit codes it ends with for reasons of its own. */
const exits: Readonly<Record<number, (said: string) => Closing>> = {
  41: (said) => ({ kind: 'failed', message: said || 'it has no way to authenticate' }),
  42: (said) => ({ kind: 'failed', message: said || 'it could not read what was asked' }),
  53: (said) => ({ kind: 'budget', message: said || 'its turns are used up' }),
};

/** An error of its model becomes the exit code: the HTTP status, of which a byte is left. */
function statusOf(code: number): number | undefined {
  const status = code + 256;
  return status >= 400 && status < 512 ? status : undefined;
}

function closing(closed: Closing | undefined, exit: Exit): Closing | undefined {
  if (closed?.kind === 'done' || exit.kind !== 'exited' || exit.code === 0) return closed;
  const said = closed?.message ?? '';
  const status = statusOf(exit.code);
  if (status !== undefined) {
    const denied = closed?.kind === 'model' && closed.denied === true;
    return { kind: 'model', message: said || `the model answered ${status}`, status, denied };
  }
  return exits[exit.code]?.(said) ?? closed;
}

/**
 * Over ACP it begins a file under the name of this minute before it looks for the conversation it is to load: an earlier file of that
 * name would be begun anew.
 */
const apart = (path: string): string => path.replace(/\/session-(?!r-)/, '/session-r-');

/** The end of a chat's file name: its first eight letters. */
const mark = (native: string): string => `-${native.slice(0, 8)}.jsonl`;

export const gemini: Adapter = {
  agent,
  instructions: '.gemini/GEMINI.md',
  session: {
    folder: chats,
    keeps: (path, native) => path.startsWith(`${chats}/session-`) && path.endsWith(mark(native)),
    place: apart,
  },
  command,
  reader: geminiReader,
  closing,
};
