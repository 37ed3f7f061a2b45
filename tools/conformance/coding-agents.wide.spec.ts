import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { codingAgents } from '@sallyport/core/coding-agents';
import { need } from '@sallyport/testkit/wide';
import { StartedStack } from '../e2e/started-stack.ts';
import { scriptedModel } from '../scripted-model/src/server.ts';
import { backends, environmentOf } from './backends.ts';
import { filesHolding, putCredential } from './planted-key.ts';

const plantedKey = 'sk-planted-5f1c0d9e7ab24c63';
const runMs = 800_000;

let stack: StartedStack;
let model: ReturnType<typeof scriptedModel>;
let modelUrl: string;

/** A model that answers nobody without the planted key, beside a stack that has both backends. */
beforeAll(async () => {
  model = scriptedModel({ requireKey: plantedKey });
  model.server.listen(0, '127.0.0.1');
  await once(model.server, 'listening');
  modelUrl = `http://127.0.0.1:${(model.server.address() as AddressInfo).port}`;
  const { directory } = await need('coding-agents');
  const docker = await environmentOf('docker');
  stack = await StartedStack.start({ env: { ...docker, SALLY_BACKEND: 'process', SALLY_RUNNERS_DIR: directory } });
  await putCredential(stack.data, 'planted', plantedKey, modelUrl);
});

afterAll(async () => {
  await stack?.stop();
  closeModel(model?.server);
});

function closeModel(server: Server | undefined): void {
  server?.closeAllConnections();
  server?.close();
}

async function applyRole(runner: string): Promise<void> {
  const [dialect = ''] = codingAgents.find((agent) => agent.runner === runner)?.dialects ?? [];
  await stack.rest.put(`/v1/roles/${runner}`, {
    name: runner,
    runner,
    provider: {
      name: 'guarded',
      dialect: dialect.replace('DIALECT_', '').toLowerCase(),
      base_url: `${modelUrl}/of/${runner}`,
      model: 'scripted-agent',
      credential: 'planted',
    },
  });
}

interface Ask {
  readonly runner: string;
  readonly backend: string;
  readonly workspace: string;
  readonly session: string;
  readonly words: string;
  readonly steps: readonly unknown[];
}

/** A run to its end, and the backend it says it ran on. */
async function work({ runner, backend, workspace, session, words, steps }: Ask) {
  const { id } = await stack.create({
    role: runner,
    profile: `${backend}-coding`,
    session,
    task: `${words} <script>${JSON.stringify(steps)}</script>`,
    mounts: [{ workspace, mode: 'rw' }],
  });
  const run = await stack.ended(id, runMs);
  const events = await stack.events(id);
  const sandbox = events.find(({ type, data }) => type === 'stage.reached' && data['stage'] === 'sandbox');
  return { run, events, backend: (sandbox?.data['detail'] as { backend?: string } | undefined)?.backend };
}

const asked = (): string => JSON.stringify(model.log.all());

describe("a provider's key", () => {
  const everything = [
    'env',
    'tr "\\0" "\\n" < /proc/self/environ',
    'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline',
    'grep -rahs . "$HOME" /tmp /run /etc /workspace --exclude-dir=.git --exclude=seen.txt',
  ].join('; ');

  test.each(backends.flatMap((backend) => codingAgents.map(({ runner }) => [runner, backend] as const)))(
    'serves %s in the %s backend and is found nowhere but where it was put',
    async (runner, backend) => {
      await applyRole(runner);
      const workspace = `key-${runner}-${backend}`;
      await stack.rest.post('/v1/workspaces', { name: workspace });
      const { run, events, ...seen } = await work({
        runner,
        backend,
        workspace,
        session: 'key',
        words: 'Look around.',
        steps: [
          { shell: `{ ${everything}; } > /workspace/${workspace}/seen.txt 2>/dev/null; echo looked` },
          { text: 'Done.' },
        ],
      });
      expect({ verdict: run.verdict, ...seen }).toEqual({ verdict: 'succeeded', backend });
      const seenInside = await stack.rest.raw('GET', `/v1/workspaces/${workspace}/files/seen.txt`);
      const text = await seenInside.text();
      expect(text).toContain('sallyport-no-key');
      expect(text).not.toContain(plantedKey);
      expect(JSON.stringify(events)).not.toContain(plantedKey);
      // Whatever address a provider has is what was asked, and all that was.
      expect(model.log.all().some(({ path }) => path.startsWith(`/of/${runner}/`))).toBe(true);
      const refused = events.filter(({ type, data }) => type === 'egress.decided' && data['allowed'] !== true);
      expect(refused.filter(({ data }) => !String(data['noise']).startsWith(`${runner}.`))).toEqual([]);
    },
  );

  test('is in no file of the installation but its own', async () => {
    const [only, ...more] = await filesHolding(stack.data, plantedKey);
    expect(more).toEqual([]);
    expect(only).toMatch(/\/planted$/);
    expect(only?.startsWith(join(stack.data, 'secrets'))).toBe(true);
  });
});

describe('a conversation', () => {
  test.each(codingAgents.map(({ runner }) => [runner]))(
    'begun with %s in a process sandbox goes on in a Docker one, from the workspace alone',
    async (runner) => {
      await applyRole(runner);
      const workspace = `talk-${runner}`;
      await stack.rest.post('/v1/workspaces', { name: workspace });
      const marker = `word-of-${runner}-91c2`;
      const path = `/workspace/${workspace}`;
      const first = await work({
        runner,
        backend: 'process',
        workspace,
        session: 'talk',
        words: `Keep ${marker} in mind.`,
        steps: [{ shell: `echo one > ${path}/one.txt` }, { text: 'I will.' }],
      });
      model.log.clear();
      const second = await work({
        runner,
        backend: 'docker',
        workspace,
        session: 'talk',
        words: 'Go on.',
        steps: [{ shell: `cat ${path}/one.txt > ${path}/two.txt` }, { text: 'Gone on.' }],
      });
      expect([first.backend, second.backend]).toEqual(['process', 'docker']);
      expect([first.run.verdict, second.run.verdict]).toEqual(['succeeded', 'succeeded']);
      expect(asked()).toContain(marker);
      const two = await stack.rest.raw('GET', `/v1/workspaces/${workspace}/files/two.txt`);
      expect(await two.text()).toBe('one\n');
    },
  );
});
