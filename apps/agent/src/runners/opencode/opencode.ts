/** opencode, headless: the task goes in by stdin, which it does not quote as it does an argument. */

import { codingAgents } from '@sallyport/core/coding-agents';
import type { Adapter, CliCommand, Turn } from '../cli/adapter.ts';
import { permissionOf } from './permission.ts';
import { opencodeReader } from './reader.ts';
import { adoptDatabase, database, gatherDatabase } from './session-database.ts';

const agent = codingAgents.find(({ runner }) => runner === 'opencode');
if (agent === undefined) throw new Error('the table of coding agents lacks opencode');

const provider = 'sallyport';

const config = ({ model, modelUrl, tools, turns }: Turn): object => ({
  model: `${provider}/${model}`,
  small_model: `${provider}/${model}`,
  provider: {
    [provider]: {
      npm: '@ai-sdk/openai-compatible',
      name: provider,
      options: { baseURL: `${modelUrl}/v1`, apiKey: 'sallyport-no-key' },
      models: { [model]: { name: model } },
    },
  },
  enabled_providers: [provider],
  permission: permissionOf(tools),
  share: 'disabled',
  autoupdate: false,
  snapshot: false,
  ...(turns > 0 && { agent: { build: { steps: turns } } }),
});

/** Asks nobody but its model. */
const quiet = {
  OPENCODE_DISABLE_AUTOUPDATE: '1',
  OPENCODE_DISABLE_MODELS_FETCH: '1',
  OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
  OPENCODE_DISABLE_SHARE: '1',
  OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
  OPENCODE_DISABLE_EMBEDDED_WEB_UI: '1',
} as const;

function command(turn: Turn): CliCommand {
  const { prompt, session, native } = turn;
  return {
    args: [
      ['run', '--format', 'json', '--thinking'],
      // A conversation that has a name does not ask its model for one.
      native === undefined ? ['--title', session === '' ? provider : session] : ['--session', native],
    ].flat(),
    env: { ...quiet, OPENCODE_CONFIG_CONTENT: JSON.stringify(config(turn)) },
    files: [],
    stdin: { text: prompt, open: false },
  };
}

export const opencode: Adapter = {
  agent,
  instructions: '.config/opencode/AGENTS.md',
  session: {
    folder: database.folder,
    keeps: (path) => path === database.path || path === database.log,
    gather: gatherDatabase,
    adopt: adoptDatabase,
  },
  command,
  reader: opencodeReader,
};
