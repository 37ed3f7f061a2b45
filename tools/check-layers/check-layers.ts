/** Holds who may import whom: the imports in the code against the dependencies in each package.json, and those against the table. */

import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What each package may import of this repository. `service` stands for every Nest app. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  contracts: [],
  core: [],
  trust: ['core'],
  bus: ['contracts', 'core'],
  store: ['core'],
  service: ['contracts', 'core', 'trust', 'bus', 'store'],
  testkit: ['contracts', 'core', 'trust', 'bus', 'store', 'service'],
  'audit-verify': ['contracts'],
  agent: ['contracts', 'core'],
  cli: ['audit-verify', 'core'],
  service_app: ['contracts', 'core', 'trust', 'bus', 'store', 'service', 'audit-verify'],
};

const libraries = new Set(['contracts', 'core', 'trust', 'bus', 'store', 'service', 'testkit', 'audit-verify']);

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const ownScope = /from '@sallyport\/([a-z-]+)(?:\/[^']*)?'|import\('@sallyport\/([a-z-]+)/g;

function importsOf(file: string): readonly string[] {
  const source = readFileSync(join(root, file), 'utf8');
  return [...source.matchAll(ownScope)].map((match) => match[1] ?? match[2] ?? '');
}

function problemsOf(manifestFile: string): readonly string[] {
  const directory = dirname(manifestFile);
  const manifest = JSON.parse(readFileSync(join(root, manifestFile), 'utf8')) as Manifest;
  const name = manifest.name.replace('@sallyport/', '');
  const mayImport = allowed[name] ?? allowed['service_app'] ?? [];
  const declared = Object.keys(manifest.dependencies ?? {}).flatMap((dependency) =>
    dependency.startsWith('@sallyport/') ? [dependency.slice(11)] : [],
  );
  const files = globSync([`${directory}/src/**/*.ts`, `${directory}/test/**/*.ts`], { cwd: root });
  const problems = declared
    .filter((dependency) => !mayImport.includes(dependency))
    .map((dependency) => `${directory} may not depend on ${dependency}`);
  for (const file of files) {
    const isTest = /\.spec\.ts$|\/test\//.test(file);
    for (const imported of importsOf(file)) {
      if (isTest && libraries.has(imported)) continue;
      if (imported === name) continue;
      if (!mayImport.includes(imported)) problems.push(`${file} may not import ${imported}`);
      else if (!declared.includes(imported))
        problems.push(`${file} imports ${imported}, which ${directory}/package.json does not declare`);
    }
    const escape = /from '((?:\.\.\/)+)(?:apps|libs|contracts|tools)\//.exec(readFileSync(join(root, file), 'utf8'));
    if (escape !== null && !isTest) problems.push(`${file} reaches into another package by path`);
  }
  return problems;
}

const problems = globSync(['contracts/package.json', 'libs/*/package.json', 'apps/*/package.json'], {
  cwd: root,
}).flatMap(problemsOf);
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
