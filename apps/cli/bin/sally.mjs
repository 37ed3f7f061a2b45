#!/usr/bin/env node
// The sources run as they are on Node 24; an older Node hands over to the one this repository pins.
import module from 'node:module';

const major = Number(process.versions.node.split('.')[0]);
if (major >= 24) {
  module.enableCompileCache?.();
  await import('../src/main.ts');
} else {
  const { spawn } = await import('node:child_process');
  const node = module.createRequire(import.meta.url).resolve('node/bin/node');
  const child = spawn(node, [new URL(import.meta.url).pathname, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => (signal === null ? process.exit(code ?? 1) : process.kill(process.pid, signal)));
  child.on('error', () => {
    process.stderr.write(
      'error: sally needs Node 24\n  why: this Node is older and the pinned one is missing\n  next: run npm install\n',
    );
    process.exit(3);
  });
}
