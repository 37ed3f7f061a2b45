import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Said, sally } from './sally.ts';
import { StartedStack } from './started-stack.ts';

let stack: StartedStack;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sally-cli-'));
  stack = await StartedStack.start();
});

afterAll(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A command of somebody without a terminal: nothing it says has a control character. */
async function run(...args: readonly string[]): Promise<Said> {
  const said = await sally(stack, ...args);
  expect((said.stdout + said.stderr).replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  return said;
}

async function done(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return stdout;
}

/** A refusal as people and as machines see it: three lines; or one document and nothing on standard output. */
async function refused(exit: number, code: string, ...args: readonly string[]): Promise<void> {
  const [told, data] = await Promise.all([run(...args), run(...args, '-o', 'json')]);
  expect(told).toMatchObject({ code: exit, stdout: '' });
  expect(told.stderr).toMatch(/^error: .+\n {2}why: .+\n {2}next: .+\n/);
  expect(data.stdout).toBe('');
  expect(JSON.parse(data.stderr)).toMatchObject({ code, exit_code: exit });
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const what = ['--role', 'demo', '--task', 'Report'];

describe('the command line of a person who is new here', () => {
  test.each([
    ['schedule', 'create'],
    ['event', 'send'],
    ['grant', 'consent'],
  ])('%s ls without any says how one is made', async (noun, verb) => {
    const [{ code, stdout, stderr }, data] = await Promise.all([run(noun, 'ls'), done(noun, 'ls', '-o', 'json')]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain(verb);
    expect(JSON.parse(data)).toEqual({ items: [] });
  });

  test.each([
    ['a minute 99', 2, 'scheduler.cron_invalid', ['--cron', '99 * * * *', ...what]],
    ['30 February', 2, 'scheduler.never_fires', ['--cron', '0 0 30 2 *', ...what]],
    ['a zone of Mars', 2, 'scheduler.zone_unknown', ['--cron', '@daily', '--time-zone', 'Mars/Base', ...what]],
    ['nobody for a role', 5, 'scheduler.role_not_found', ['--cron', '@daily', '--role', 'nobody', '--task', 'x']],
    ['a grant of 91 days', 2, 'cli.usage', ['--cron', '@daily', ...what, '--expires-in', '2184h']],
  ])('schedule create with %s is refused', async (_, exit, code, args) => {
    await refused(exit, code, 'schedule', 'create', 'refused', ...args);
    expect(await stack.rest.exists('/v1/schedules/refused')).toBe(false);
  });

  test.each([
    [5, 'scheduler.trigger_not_found', ['schedule', 'edit', 'nobody', '--task', 'x']],
    [5, 'scheduler.webhook_not_found', ['webhook', 'rm', 'nobody']],
    [5, 'identity.grant_unknown', ['grant', 'revoke', 'nobody']],
    [5, 'scheduler.run_not_found', ['run', 'attach', 'nobody']],
    [5, 'cli.runner_unknown', ['runner', 'probe', 'nobody']],
    [3, 'scheduler.runner_missing', ['run', 'create', '--runner', 'gemini', '--task', 'x']],
    [4, 'api.key_malformed', ['schedule', 'ls', '--token', 'nonsense']],
    [2, 'cli.usage', ['event', 'send', '--type', 'x', '--data', '{']],
  ])('exits with %i for %s', async (exit, code, args) => refused(exit, code, ...args));

  test('makes a schedule once, sees its times in its zone, and is told what an edit needs', async () => {
    const berlin = ['--cron', '0 9 * * *', '--time-zone', 'Europe/Berlin', ...what];
    expect(await done('schedule', 'create', 'daily', ...berlin)).toMatch(
      /next .+T09:00:00\+0[12]:00 \(Europe\/Berlin\)/,
    );
    expect(await done('schedule', 'ls')).toMatch(/daily +on +0 9 \* \* \* +Europe\/Berlin +\S+T09:00:00\+0[12]:00/);
    expect(await done('schedule', 'next', 'daily', '-n', '2')).toMatch(
      /^IN EUROPE\/BERLIN +IN UTC\n(.+T09:00:00\+0.+Z\n){2}$/,
    );
    await refused(6, 'scheduler.trigger_exists', 'schedule', 'create', 'daily', ...berlin);
    await refused(2, 'cli.usage', 'schedule', 'edit', 'daily');
    await refused(2, 'cli.usage', 'schedule', 'next', 'daily', '--time-zone', 'UTC');
    expect(await done('schedule', 'edit', 'daily', '--task', 'Other', '--no-consent')).toContain(
      'schedule consent daily',
    );
    const fired = await run('schedule', 'run', 'daily');
    expect(fired).toMatchObject({ code: 6, stdout: '' });
    expect(fired.stderr).toMatch(/consent_needed[^]+next: .*sally schedule consent daily/);
  });

  test('answers 412 to a PUT that wants nothing there', async () => {
    const made = { cron: '@daily', run: { role: 'demo', start: { inline: 'Report' } } };
    const put = (absent: string) => stack.rest.raw('PUT', '/v1/schedules/absent', made, { 'if-none-match': absent });
    expect((await put('*')).status).toBe(200);
    expect((await put('*')).status).toBe(412);
    expect((await put('"1"')).status).toBe(400);
  });

  test('applies what get -o yaml gave, and nothing has changed', async () => {
    await done('subscription', 'create', 'orders', '--type', 'order.*', ...what);
    for (const [noun, name] of [
      ['schedule', 'absent'],
      ['subscription', 'orders'],
    ] as const) {
      const hash = async () =>
        (JSON.parse(await done(noun, 'get', name, '-o', 'json')) as { spec_hash: string }).spec_hash;
      const before = await hash();
      await done('apply', '-f', file(`${name}.yaml`, await done(noun, 'get', name, '-o', 'yaml')));
      expect(await hash()).toBe(before);
    }
    await done('apply', '-f', file('role.yaml', await done('role', 'get', 'demo', '-o', 'yaml')));
  });

  test('hears which document of a file was refused and what stands applied', async () => {
    const both = file(
      'both.yaml',
      'kind: Webhook\nname: shop\n---\nkind: Schedule\nname: broken\ncron: nonsense\nrun: { role: demo, start: { inline: x } }\n',
    );
    const told = await run('apply', '-f', both);
    expect(told.code).toBe(2);
    expect(told.stdout).toMatch(/^webhook\/shop is applied.+whsec_/);
    expect(told.stderr).toMatch(/why: schedule\/broken: [^]+webhook\/shop/);
    const { stdout, stderr } = await run('apply', '-f', both, '-o', 'json');
    expect(stdout).toBe('');
    expect(JSON.parse(stderr)).toMatchObject({ document: 'schedule/broken', applied: ['webhook/shop'] });
  });
});
