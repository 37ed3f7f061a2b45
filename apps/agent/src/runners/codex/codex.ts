/** Codex, headless: the task on its stdin, its own sandbox off because ours is around it. */

import { codingAgents } from '@sallyport/core/coding-agents';
import type { Adapter, CliCommand, Turn } from '../cli/adapter.ts';
import { permitFiles, refusals } from './permit.ts';
import { codexReader } from './reader.ts';

const agent = codingAgents.find(({ runner }) => runner === 'codex');
if (agent === undefined) throw new Error('the table of coding agents lacks codex');

const keyVariable = 'SALLY_MODEL_KEY';

/** A setting as its command line takes it; a JSON string is a TOML string. */
const setting = (name: string, value: string | number | boolean): readonly string[] => [
  '-c',
  `${name}=${typeof value === 'string' ? JSON.stringify(value) : String(value)}`,
];

/** On the command line, where no file of a workspace can say otherwise. */
const settings = ({ modelUrl }: Turn): readonly string[] =>
  [
    setting('model_provider', 'sallyport'),
    setting('model_providers.sallyport.name', 'sallyport'),
    setting('model_providers.sallyport.base_url', `${modelUrl}/v1`),
    setting('model_providers.sallyport.env_key', keyVariable),
    setting('model_providers.sallyport.wire_api', 'responses'),
    setting('model_providers.sallyport.request_max_retries', 3),
    setting('model_providers.sallyport.stream_max_retries', 3),
    setting('analytics.enabled', false),
    setting('check_for_update_on_startup', false),
    setting('feedback.enabled', false),
    // Searched by the provider, it would be a way out that no boundary of ours sees.
    setting('web_search', 'disabled'),
    ['--disable', 'plugins', '--disable', 'apps'],
  ].flat();

function command(turn: Turn): CliCommand {
  const { prompt, model, tools, native } = turn;
  return {
    args: [
      native === undefined ? ['exec'] : ['exec', 'resume'],
      ['--json', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', '-m', model],
      settings(turn),
      tools.length === 0 ? [] : ['--dangerously-bypass-hook-trust'],
      native === undefined ? ['-'] : [native, '-'],
    ].flat(),
    env: { [keyVariable]: 'sallyport-no-key' },
    files: permitFiles(turn),
    stdin: { text: prompt, open: false },
  };
}

export const codex: Adapter = {
  agent,
  instructions: '.codex/AGENTS.md',
  session: {
    folder: '.codex/sessions',
    keeps: (path, native) => path.endsWith(`-${native}.jsonl`),
  },
  command,
  reader: codexReader,
  afterwards: refusals,
};
