/**
 * Calls that coding agents make by themselves, beside their model: updates and telemetry. They are denied as anything else is; naming
 * them lets people look past them. A name is `<runner>.<purpose>`.
 */

import type { Target } from '../hosts/host.ts';

interface Row {
  readonly name: string;
  readonly hosts: readonly string[];
}

const table: readonly Row[] = [
  { name: 'claude-code.telemetry', hosts: ['api.anthropic.com', 'statsig.anthropic.com'] },
  { name: 'codex.telemetry', hosts: ['chatgpt.com', 'ab.chatgpt.com'] },
  { name: 'codex.update', hosts: ['github.com', 'api.github.com'] },
  { name: 'opencode.update', hosts: ['registry.npmjs.org'] },
  { name: 'opencode.models', hosts: ['models.dev'] },
  { name: 'gemini.telemetry', hosts: ['play.googleapis.com'] },
];

const ports: ReadonlySet<number> = new Set([80, 443]);

/** The name of the call a connection to a target is known as; empty for any other. */
export function knownNoise({ host, port }: Target): string {
  if (host.kind !== 'name' || !ports.has(port)) return '';
  return table.find(({ hosts }) => hosts.includes(host.text))?.name ?? '';
}
