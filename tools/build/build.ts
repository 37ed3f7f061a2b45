/**
 * Bundles what runs: one module per service with shared chunks, the CLI, and the agent as a single file that a sandbox can mount.
 *
 * Bundles are made only when a source changed. swc compiles the service apps first, because Nest needs decorator metadata that esbuild
 * does not write.
 */

import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from '@swc/core';
import { build, type Plugin } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dist = join(root, 'dist');
const stampFile = join(dist, 'stamp');

/** Apps that are Nest services. */
export const services = ['identity', 'scheduler', 'runtime', 'workspace', 'egress', 'audit', 'api'] as const;

const decorators: Plugin = {
  name: 'decorators',
  setup(builder) {
    builder.onLoad({ filter: /[\\/](?:apps|libs)[\\/][^/]+[\\/]src[\\/].*\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      if (!/^\s*@[A-Z]/m.test(source)) return { contents: source, loader: 'ts' };
      const { code } = await transform(source, {
        filename: path,
        jsc: {
          target: 'es2024',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
        configFile: false,
        swcrc: false,
      });
      return { contents: code, loader: 'js' };
    });
  },
};

/** Nest looks for optional packages at run time; what is not installed stays an import that fails only when used. */
const optional: Plugin = {
  name: 'optional',
  setup(builder) {
    builder.onResolve({ filter: /^[@a-z]/ }, async ({ path, importer, kind, resolveDir, pluginData }) => {
      if (pluginData === 'asked' || !importer.includes('node_modules')) return undefined;
      const found = await builder.resolve(path, { kind, importer, resolveDir, pluginData: 'asked' });
      return found.errors.length > 0 ? { path, external: true } : undefined;
    });
  },
};

/** Ways to reach a container engine that nobody here takes: over SSH, and for builds that ask for credentials. */
const unused: Plugin = {
  name: 'unused',
  setup(builder) {
    builder.onResolve({ filter: /^(?:ssh2|@grpc\/grpc-js|@grpc\/proto-loader)$/ }, ({ path }) => ({
      path,
      namespace: 'unused',
    }));
    builder.onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: 'module.exports = {};', loader: 'js' }));
  },
};

/** CommonJS packages inside an ES module still call `require`. */
const banner = {
  js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
};

const common = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  absWorkingDir: root,
  outExtension: { '.js': '.mjs' },
  logLevel: 'error',
  keepNames: true,
  banner,
} as const;

function sourceStamp(): string {
  const files = globSync(
    ['apps/*/src/**/*.ts', 'libs/*/src/**/*.ts', 'contracts/gen/**/*.ts', 'tools/build/*.ts', 'package-lock.json'],
    { cwd: root },
  ).sort();
  const hash = createHash('sha256');
  for (const file of files) {
    const { size, mtimeMs } = statSync(join(root, file));
    hash.update(`${file}:${size}:${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/** Builds when needed. Answers whether anything was built. */
export async function buildAll(): Promise<boolean> {
  const stamp = sourceStamp();
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return false;
  // Made aside and put in place whole: what runs from the old bundles never finds half of the new ones.
  const out = join(root, `dist.${process.pid}`);
  mkdirSync(out, { recursive: true });
  try {
    await bundle(out);
    writeFileSync(join(out, 'stamp'), stamp);
    rmSync(dist, { recursive: true, force: true });
    renameSync(out, dist);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
  return true;
}

async function bundle(out: string): Promise<void> {
  const entries = services.filter((name) => existsSync(join(root, 'apps', name, 'src', 'main.ts')));
  await Promise.all([
    build({
      ...common,
      entryPoints: {
        ...Object.fromEntries(entries.map((name) => [name, `apps/${name}/src/main.ts`])),
        // A process of the scheduler's, beside the service that starts it.
        'scheduler-filter': 'apps/scheduler/src/subscriptions/filter-worker.ts',
      },
      outdir: join(out, 'services'),
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
      plugins: [decorators, unused, optional],
      // Nest's decorators call Reflect while its modules load: this one must come before all of them.
      inject: [join(root, 'node_modules/reflect-metadata/Reflect.js')],
      sourcemap: true,
    }),
    build({
      ...common,
      entryPoints: { agent: 'apps/agent/src/main.ts' },
      outdir: join(out, 'agent'),
      minifySyntax: true,
      minifyWhitespace: true,
    }),
    build({ ...common, entryPoints: { sally: 'apps/cli/src/main.ts' }, outdir: join(out, 'cli'), splitting: true }),
  ]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const built = await buildAll();
  process.stdout.write(built ? 'bundles are in dist/\n' : 'nothing changed since the last build\n');
}
