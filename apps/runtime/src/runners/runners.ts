/** What this edge can drive: the runners that need nothing, and the coding agents that are installed. */

import { codingAgents } from '@sallyport/core/coding-agents';
import type { BackendKind } from '../backends/backend.ts';
import { findCodingAgent } from './scan-coding-agents.ts';

/** One `schedule.v1.RunnerDescription` before it is on the wire. */
export interface Description {
  readonly runner: string;
  readonly edge: string;
  readonly backend: string;
  readonly version: string;
  readonly features: string[];
  readonly missing: string[];
  readonly remedy: string;
}

/** What an edge announces. */
export interface Offer {
  /** Names of the runners that can run now. */
  readonly usable: string[];
  readonly descriptions: Description[];
}

/** Runners that come with the supervisor, and what they can do. */
const own: Readonly<Record<string, readonly string[]>> = {
  // Which agent it speaks to is the command of the run, so that nothing here can be missing.
  acp: ['resume', 'stop', 'ask', 'streaming', 'tools'],
  exec: ['stop', 'binary-output'],
  native: ['stop', 'streaming', 'tools', 'resume'],
};

export class Runners {
  readonly #prefix: string | undefined;
  readonly #backends: readonly BackendKind[];
  #announced = '';

  /** `prefix` is where npm puts coding agents; `backends` are those of this edge, which all see it alike. */
  constructor(prefix: string | undefined, backends: readonly BackendKind[]) {
    this.#prefix = prefix;
    this.#backends = backends;
  }

  /** Looks at the machine, and remembers what it answered. */
  async look(edge: string): Promise<Offer> {
    const offer = await this.#scan(edge);
    this.#announced = JSON.stringify(offer);
    return offer;
  }

  /** Whether a look would now answer otherwise than the last one did. */
  async changed(edge: string): Promise<boolean> {
    return JSON.stringify(await this.#scan(edge)) !== this.#announced;
  }

  async #scan(edge: string): Promise<Offer> {
    const installed = await Promise.all(
      codingAgents.map(async (agent) => {
        const { version, missing, remedy } = await findCodingAgent(this.#prefix, agent);
        return { runner: agent.runner, version, features: [...agent.features], missing: [...missing], remedy };
      }),
    );
    const included = Object.entries(own).map(([runner, features]) => {
      return { runner, version: '1', features: [...features], missing: [], remedy: '' };
    });
    const found = [...included, ...installed].sort((a, b) => (a.runner < b.runner ? -1 : 1));
    return {
      usable: found.filter(({ missing }) => missing.length === 0).map(({ runner }) => runner),
      descriptions: found.flatMap((each) => this.#backends.map((backend) => ({ ...each, edge, backend }))),
    };
  }
}
