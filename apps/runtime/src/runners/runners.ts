/** What this edge can drive: the runners that need nothing, and the coding agents that are installed. */

import { codingAgents } from '@sallyport/core/coding-agents';
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
  exec: ['stop', 'binary-output'],
  native: ['stop', 'streaming', 'tools', 'resume'],
};

const backend = 'process';

export class Runners {
  readonly #prefix: string | undefined;
  #announced = '';

  constructor(prefix: string | undefined) {
    this.#prefix = prefix;
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
      codingAgents.map(async (agent): Promise<Description> => {
        const { version, missing, remedy } = await findCodingAgent(this.#prefix, agent);
        const features = [...agent.features];
        return { runner: agent.runner, edge, backend, version, features, missing: [...missing], remedy };
      }),
    );
    const included = Object.entries(own).map(
      ([runner, features]): Description => ({
        runner,
        edge,
        backend,
        version: '1',
        features: [...features],
        missing: [],
        remedy: '',
      }),
    );
    const descriptions = [...included, ...installed].sort((a, b) => (a.runner < b.runner ? -1 : 1));
    return {
      usable: descriptions.filter(({ missing }) => missing.length === 0).map(({ runner }) => runner),
      descriptions,
    };
  }
}
