/** A runtime as a process of its own, to be killed or to run as somebody else: a bundle and a node binary anybody may read. */

import { chmodSync, chownSync, constants, copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { isRoot } from './backend.builder.ts';

export interface Probe {
  readonly node: string;
  readonly program: string;
  /** A folder of uid 12345. */
  readonly home: string;
}

/**
 * Arguments: substrate, folder, label, script, deadline, `wait` to see it end. Prints the handle, or why there is none; with `wait` the end,
 * and the answer to a profile that demands control groups.
 */
const source = `
import { TestGround, profileNamed } from './backend.builder.ts';
const [substrate, directory, label, script, deadline, wait] = process.argv.slice(2);
const ground = await new TestGround(JSON.parse(substrate), directory, label).open();
const handle = await ground.start(script, { deadlineSeconds: Number(deadline ?? 250) }).catch((error) => {
  process.stdout.write(JSON.stringify(error.reason) + '\\n');
  process.exit(0);
});
process.stdout.write(JSON.stringify(handle) + '\\n');
if (wait === 'wait') {
  process.stdout.write(JSON.stringify(await ground.finish(handle)) + '\\n');
  const refusal = await ground.start('true', { profile: profileNamed('default') }).catch((error) => error.reason);
  process.stdout.write(JSON.stringify(refusal) + '\\n');
  await ground.backend.close();
} else {
  setInterval(() => undefined, 1000);
}
`;

/** Builds it below a folder that others may pass. */
export async function aProbe(): Promise<Probe> {
  const place = join(tmpdir(), `sally-probe-${process.pid}`);
  process.once('exit', () => rmSync(place, { recursive: true, force: true }));
  mkdirSync(place, { recursive: true, mode: 0o755 });
  const program = join(place, 'probe.mjs');
  const node = join(place, 'node');
  if (!existsSync(program)) {
    const bundle = await build({
      stdin: { contents: source, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
      bundle: true,
      write: false,
      platform: 'node',
      format: 'esm',
      logLevel: 'silent',
      // Ways to reach an engine that are not used here; whatever stands for them is not called.
      alias: { ssh2: 'node:util', '@grpc/grpc-js': 'node:util', '@grpc/proto-loader': 'node:util' },
      banner: { js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);" },
    });
    copyFileSync(process.execPath, node, constants.COPYFILE_FICLONE);
    chmodSync(node, 0o755);
    writeFileSync(program, bundle.outputFiles[0]?.contents ?? '');
  }
  const home = join(place, 'home');
  mkdirSync(home, { recursive: true });
  if (isRoot) chownSync(home, 12345, 12345);
  return { node, program, home };
}
