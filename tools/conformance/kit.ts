/** Runs one coding agent through one scenario in the started product, and says what was seen. */

import type { RunView, StartedStack } from '../e2e/started-stack.ts';
import { announced, type Scenario, type Sighting } from './scenarios.ts';
import type { Subject } from './subjects.ts';

/** One field of the table. */
export interface Cell {
  readonly runner: string;
  readonly backend: string;
  readonly scenario: string;
  readonly verdict: string;
  /** What is wrong; undefined when it is right. */
  readonly wrong: string | undefined;
  readonly seconds: number;
}

const patienceMs = 420_000;

/** Rows of the scripted model's log. */
interface Asked {
  readonly path: string;
  readonly model: string;
  readonly body: unknown;
  readonly status: number;
}

export class Kit {
  private readonly stack: StartedStack;
  private readonly backend: string;
  private readonly model: string;
  private readonly workspaces = new Set<string>();

  /** `backend` is a name for the table; the stack decides what it is. */
  constructor(stack: StartedStack, backend: string) {
    this.stack = stack;
    this.backend = backend;
    this.model = `http://127.0.0.1:${stack.port + 1}`;
  }

  async run(subject: Subject, scenario: Scenario): Promise<Cell> {
    const begun = performance.now();
    const { verdict, wrong } = await this.judged(subject, scenario);
    const seconds = (performance.now() - begun) / 1000;
    return { runner: subject.name, backend: this.backend, scenario: scenario.name, verdict, wrong, seconds };
  }

  /** What cannot be seen is wrong, and leaves the rest of the table alone. */
  private async judged(subject: Subject, scenario: Scenario): Promise<Pick<Cell, 'verdict' | 'wrong'>> {
    try {
      const seen = await this.see(subject, scenario);
      return { verdict: seen.verdict || seen.state, wrong: scenario.judge(seen) };
    } catch (error) {
      return { verdict: 'unseen', wrong: error instanceof Error ? error.message : String(error) };
    }
  }

  private async see(subject: Subject, scenario: Scenario): Promise<Sighting> {
    const runner = subject.name.replaceAll(' ', '-');
    const slug = scenario.name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
    const workspace = await this.workspaceOf(runner);
    const role = `${runner}-${slug}`;
    const name = `${slug}.txt`;
    const path = `/workspace/${workspace}/${name}`;
    const marker = `token-${runner}-${slug}-7f3a`;
    const session = `${runner}-${slug}`;
    const ask = (steps: readonly unknown[], words: string) => ({
      role,
      session,
      task: `${words} <script>${JSON.stringify(steps)}</script>`,
      mounts: [{ workspace, mode: 'rw' }],
      ...(subject.argv.length > 0 && { argv: subject.argv }),
    });
    if (scenario.before !== undefined) {
      await this.applyRole(subject, role, `${role}-before`, scenario);
      const { id } = await this.stack.create(ask(scenario.before(path), `Remember ${marker}.`));
      await this.stack.ended(id, patienceMs);
    }
    await this.applyRole(subject, role, role, scenario);
    const { id } = await this.stack.create(ask(scenario.steps(path), 'Do it.'));
    if (scenario.meanwhile === 'cancel') {
      await this.untilAnnounced(id, role);
      await this.stack.rest.post(`/v1/runs/${id}:cancel`, {});
    }
    const run = await this.stack.ended(id, patienceMs);
    const asked = await this.asked(role);
    return {
      ...outcomeOf(run),
      events: await this.stack.events(id),
      file: await this.read(workspace, name),
      statuses: asked.map(({ status }) => status),
      remembers: asked.some(({ body }) => JSON.stringify(body).includes(marker)),
    };
  }

  /** One workspace for each runner: its cells follow each other. */
  private async workspaceOf(runner: string): Promise<string> {
    const name = `conformance-${runner}`;
    if (!this.workspaces.has(name)) await this.stack.rest.post('/v1/workspaces', { name });
    this.workspaces.add(name);
    return name;
  }

  /** The model is asked below `folder`, so that cells at the same time are told apart. */
  private async applyRole({ runner, dialect }: Subject, name: string, folder: string, scenario: Scenario) {
    const provider = { name: 'scripted', dialect, base_url: `${this.model}/${folder}`, model: 'scripted-agent' };
    await this.stack.rest.put(`/v1/roles/${name}`, {
      name,
      runner,
      provider,
      tools: scenario.tools ?? [],
      persona: 'You are tried for conformance.',
      ...(scenario.idleSeconds !== undefined && { limits: { idle_seconds: scenario.idleSeconds } }),
      ...(!this.stack.limited && { profile: 'best-effort' }),
    });
  }

  /** Until a command of the run has said that it runs. */
  private async untilAnnounced(id: string, folder: string): Promise<void> {
    const deadline = Date.now() + patienceMs;
    while (!(await this.asked(folder)).some(({ model }) => model === announced)) {
      if (Date.now() > deadline) throw new Error(`run ${id} never came so far`);
      await this.stack.rest.get(`/v1/runs/${id}?wait=1s`);
    }
  }

  private async read(workspace: string, name: string): Promise<string | undefined> {
    const response = await this.stack.rest.raw('GET', `/v1/workspaces/${workspace}/files/${name}`);
    const text = await response.text();
    return response.ok ? text : undefined;
  }

  /** What the model was asked below a folder. */
  private async asked(folder: string): Promise<readonly Asked[]> {
    const answer = (await (await fetch(`${this.model}/_scripted/requests`)).json()) as { requests: readonly Asked[] };
    return answer.requests.filter(({ path }) => path.startsWith(`/${folder}/`));
  }
}

const outcomeOf = ({ verdict = '', state, reason }: RunView) => ({ verdict, state, reason });
