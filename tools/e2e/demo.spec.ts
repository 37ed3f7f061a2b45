import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { repository } from '../start/options.ts';
import { portForStack } from './started-stack.ts';

const data = mkdtempSync(join(tmpdir(), 'sally-demo-'));

afterAll(() => rmSync(data, { recursive: true, force: true }));

/** `npm start` as a person types it. */
async function npmStart(): Promise<{ readonly code: number | null; readonly output: string }> {
  const port = await portForStack();
  const child = spawn('npm', ['start', '--', '--once', '--data', data, '--port', String(port)], {
    cwd: repository,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output: chunks.join('') };
}

describe('npm start', () => {
  test.each(['first', 'second'])('shows the demo to its end on the %s start of a folder', async () => {
    const { code, output } = await npmStart();
    if (code !== 0) throw new Error(`npm start ended with ${code}:\n${output}`);
    for (const stage of ['accepted', 'sandbox', 'attested', 'mounted', 'started', 'captured', 'ended'])
      expect(output).toContain(stage);
    expect(output).toMatch(/read-only file system/i);
    expect(output).toContain('host_not_allowed');
    expect(output).toMatch(/checkpoint of \d+ events verified offline/);
    expect(output).toMatch(/^API {4}http:\/\/127\.0\.0\.1:\d+$/m);
    expect(output).toMatch(/^Token {2}/m);
    expect(output).toMatch(/^Next {3}npx sally /m);
    expect(output).not.toMatch(/sally_[A-Za-z0-9_-]{43}/);
  });
});
