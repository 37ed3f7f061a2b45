import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { scriptedModel } from '../scripted-model/src/server.ts';
import { repository } from '../start/options.ts';
import { sally } from './sally.ts';
import { StartedStack, textOf } from './started-stack.ts';

/** A key nobody else has; what the agents below look for is its begin, spelled so that they do not write it themselves. */
const key = `sk-planted-${randomBytes(18).toString('hex')}`;
const pattern = 'sk-plan[t]ed-';

const { server } = scriptedModel({ requireKey: key });
let stack: StartedStack;
let origin: string;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stack = await StartedStack.start();
});
afterAll(async () => {
  await stopped();
  rmSync(stack.data, { recursive: true, force: true });
  server.closeAllConnections();
  server.close();
});

let ending: Promise<unknown> | undefined;
const stopped = (): Promise<unknown> => (ending ??= stack.stop(false));

/** `npm run credential`, with the key on standard input. */
async function credential(args: readonly string[], input: string): Promise<string> {
  const program = join(repository, 'tools/start/credential.ts');
  const child = spawn(process.execPath, [program, ...args, '--data', stack.data], { stdio: ['pipe', 'pipe', 'pipe'] });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(Buffer.concat(said).toString());
  return Buffer.concat(said).toString();
}

const role = (name: string, dialect: string, named = 'vendor') =>
  stack.rest.put(`/v1/roles/${name}`, {
    runner: 'native',
    tools: ['bash', 'write_file'],
    profile: stack.profile,
    provider: { name: 'keyed', dialect, base_url: origin, model: 'scripted-edit', credential: named },
    mounts: [{ workspace: 'demo', mode: 'rw' }],
  });

/** Everything an agent has to look at, and the endpoint's own log, which repeats the headers it was sent. */
const look = [
  'env; cat /proc/*/environ 2>/dev/null | tr "\\0" "\\n"',
  `grep -rIls '${pattern}' / --exclude-dir=proc --exclude-dir=sys --exclude-dir=usr 2>/dev/null | wc -l | sed 's/^/holding /'`,
  'curl -s http://model.sallyport.internal/_scripted/requests',
  'curl -s --compressed -H "Range: bytes=0-99999" http://model.sallyport.internal/_scripted/requests',
].join('; ');

const task = (shell: string): string =>
  `Look around. <script>${JSON.stringify([{ text: 'I look.', shell }, { text: 'Done.' }])}</script>`;

/** Files below a folder that hold some bytes. */
function holding(folder: string, bytes: Buffer): string[] {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return found.map((entry) => join(entry.parentPath, entry.name)).filter((file) => readFileSync(file).includes(bytes));
}

describe('a provider that needs a key', () => {
  test('is refused by name, to the agent and in the log, until the key is put in', async () => {
    await role('keyless', 'anthropic_messages');
    const run = await stack.ended((await stack.create({ role: 'keyless', task: 'echo hello' })).id);
    expect(run.verdict).not.toBe('succeeded');
    const denied = (await stack.events(run.id)).filter(({ type }) => type === 'egress.decided');
    expect(denied.map((event) => textOf(event, 'reason'))).toContain('credential_missing');
    const { items } = await stack.rest.get<{ items: readonly { reason: string; facts: Record<string, string> }[] }>(
      `/v1/audit/events?run=${run.id}&kind=egress.deny`,
    );
    expect(items[0]).toMatchObject({ reason: 'credential_missing', facts: { credential: 'vendor' } });
  });

  test('is not given the key of another endpoint', async () => {
    await credential(['set', 'elsewhere', '--origin', 'https://models.example.org'], key);
    await role('wrong', 'anthropic_messages', 'elsewhere');
    const run = await stack.ended((await stack.create({ role: 'wrong', task: 'echo hello' })).id);
    const denied = (await stack.events(run.id)).filter(({ type }) => type === 'egress.decided');
    expect(denied.map((event) => textOf(event, 'reason'))).toContain('credential_forbidden');
    await credential(['rm', 'elsewhere'], '');
  });

  test.each(['anthropic_messages', 'openai_chat'])(
    'works in %s, and its agent finds the key nowhere',
    async (dialect) => {
      expect(await credential(['set', 'vendor', '--origin', origin], key)).not.toContain(key);
      await role(`keyed-${dialect.replace('_', '-')}`, dialect);
      const asked = { role: `keyed-${dialect.replace('_', '-')}`, task: task(look) };
      const run = await stack.ended((await stack.create(asked)).id);
      expect(run).toMatchObject({ state: 'completed', verdict: 'succeeded' });
      const events = await stack.events(run.id);
      const said = JSON.stringify(events);
      expect(said).toContain('holding 0');
      // The endpoint did repeat it, and what came through was blanked.
      expect(said).toContain('*'.repeat(key.length));
      expect(said).not.toContain(key);
    },
  );

  test('leaves the key in no database, log, bucket or audit event: in its file alone', async () => {
    for (const args of [
      ['audit', 'query'],
      ['run', 'ls', '-o', 'json'],
      ['role', 'ls', '-o', 'json'],
    ])
      expect((await sally(stack, ...args)).stdout).not.toContain(key);
    expect(stack.output).not.toContain(key);
    const exported = await stack.rest.raw('GET', '/v1/audit/export');
    expect(Buffer.from(await exported.arrayBuffer()).includes(key)).toBe(false);
    // What Postgres holds in memory is in its files once it has ended.
    await stopped();
    const file = join(stack.data, 'secrets', 'credentials', 'acme', 'main', 'vendor');
    expect(holding(stack.data, Buffer.from(key))).toEqual([file]);
    expect(holding(stack.data, Buffer.from(Buffer.from(key).toString('base64').slice(0, 40)))).toEqual([]);
  });
});
