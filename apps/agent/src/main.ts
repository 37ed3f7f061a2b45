/** The supervisor of one sandbox. Exits as its work did, so that what the sandbox shows from outside is the code a person expects. */

import { config } from './config.ts';
import { serveDnsOverUdp } from './net/dns-server.ts';
import { Listeners } from './net/listeners.ts';
import { Names } from './net/names.ts';
import { answeredPorts, dnsPort } from './net/ports.ts';
import { Resolver } from './net/resolver.ts';
import { AcpRunner } from './runners/acp/acp-runner.ts';
import { claudeCode } from './runners/claude-code/claude-code.ts';
import { CliRunner } from './runners/cli/cli-runner.ts';
import { codex } from './runners/codex/codex.ts';
import { ExecRunner } from './runners/exec.ts';
import { gemini } from './runners/gemini/gemini.ts';
import { NativeRunner } from './runners/native/native-runner.ts';
import { opencode } from './runners/opencode/opencode.ts';
import { supervise } from './supervisor.ts';
import { Emitter } from './tether/emitter.ts';
import { Tether } from './tether/tether.ts';
import { openTunnel } from './tether/tunnel.ts';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const tether = new Tether(config.tether);
const open = (host: string, port: number) => openTunnel(config.tether, host, port);
const adapters = [claudeCode, codex, gemini, opencode];
const parts = { env: config.childEnv, runners: config.runners };
const runners = [
  new ExecRunner(config.childEnv),
  new NativeRunner({ open, env: config.childEnv }),
  ...adapters.map((adapter) => new CliRunner(adapter, parts)),
  new AcpRunner(adapters, parts),
];

async function answerNetwork(): Promise<void> {
  const names = new Names();
  const resolver = new Resolver((name, type) => tether.resolve(name, type), names);
  const listeners = new Listeners(open, names, resolver);
  const [unavailable] = await Promise.all([
    listeners.listen([...answeredPorts, dnsPort]),
    serveDnsOverUdp(resolver, dnsPort).catch((error: unknown) => say(`agent: no name service: ${String(error)}`)),
  ]);
  if (unavailable.length > 0) {
    say(`agent: ports not answered: ${unavailable.map(({ port, code }) => `${port} (${code})`).join(', ')}`);
  }
}

async function main(): Promise<number> {
  if (process.argv.includes('--probe')) {
    const probes = await Promise.all(runners.map((runner) => runner.probe()));
    process.stdout.write(`${JSON.stringify({ version: config.version, probes })}\n`);
    return 0;
  }
  const signalled = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => signalled.abort());
  const emitter = new Emitter((first, events) => tether.emit(first, events));
  const { home, version } = config;
  return supervise({ tether, emitter, runners, version, home, network: answerNetwork() }, signalled.signal);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(`agent: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    process.exit(1);
  },
);
