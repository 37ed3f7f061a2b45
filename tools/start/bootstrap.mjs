/**
 * The first code that runs in a fresh clone: plain JavaScript for Node 20 and later, no dependency.
 *
 * Installs npm dependencies when they are missing, gets the system programs when they are missing, then hands over to the
 * pinned Node. Exit 3 means that a person must run the one command it printed.
 */

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [task = 'start', ...rest] = process.argv.slice(2);

const tasks = {
  start: ['tools/start/main.ts'],
  test: ['tools/start/test.ts'],
  'test:wide': ['tools/start/test.ts', '--wide'],
  bench: ['tools/bench/main.ts'],
  chaos: ['tools/chaos/main.ts'],
  objects: ['tools/start/objects.ts'],
  team: ['tools/start/team.ts'],
  credential: ['tools/start/credential.ts'],
  conformance: ['tools/conformance/main.ts'],
};

/** Programs the product needs and the Debian package of each. */
const programs = {
  'nats-server': 'nats-server',
  bwrap: 'bubblewrap',
  ip: 'iproute2',
  setpriv: 'util-linux',
  timeout: 'coreutils',
  git: 'git',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  mount: 'mount',
  mkfifo: 'coreutils',
};

function stop(code, lines) {
  process.stderr.write(`${lines.join('\n')}\n`);
  process.exit(code);
}

function onPath(program) {
  const places = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin'];
  return places.some((place) => {
    try {
      accessSync(join(place, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function checkMachine() {
  if (process.platform !== 'linux') {
    stop(3, [
      'Sallyport isolates agents with Linux namespaces and does not run on ' + process.platform + '.',
      'Run it on Debian or Ubuntu, or in a Linux virtual machine.',
    ]);
  }
  if (Number(process.versions.node.split('.')[0]) < 20) {
    stop(3, [
      `Node ${process.versions.node} is too old to install the dependencies.`,
      'Install Node 20 or later; the product then runs on the Node 24 it brings along.',
    ]);
  }
}

function ensurePackages() {
  const lock = readFileSync(join(root, 'package-lock.json'));
  const stamp = createHash('sha256').update(lock).digest('hex');
  const stampFile = join(root, 'node_modules', '.sallyport-lock');
  const node = join(root, 'node_modules', '.bin', 'node');
  if (existsSync(node) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  try {
    accessSync(root, constants.W_OK);
  } catch {
    stop(3, [
      `The dependencies go into ${root}, where this user may not write.`,
      'Clone into a folder of your own, or give this one to the user who starts.',
    ]);
  }
  process.stderr.write('installing dependencies (once) ...\n');
  // Not `npm ci`: it refuses a lockfile without the optional packages of platforms that a mirror does not carry. This honours the same lockfile.
  const done = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, NODE_ENV: 'development' },
  });
  if (done.status !== 0)
    stop(3, [
      'npm could not install the dependencies; its message is above.',
      'Check the network and run: npm install',
    ]);
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(stampFile, stamp);
}

function ensurePrograms() {
  const missing = Object.keys(programs).filter((program) => !onPath(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => programs[program]))];
  const command = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid() !== 0)
    stop(3, [
      `Missing on this machine: ${missing.join(', ')}.`,
      'Run this once, then start again:',
      `  sudo sh -c '${command}'`,
    ]);
  process.stderr.write(`installing ${packages.join(', ')} (once) ...\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const quiet = { stdio: ['ignore', 'ignore', 'inherit'], env };
  const apt = (args) => spawnSync('apt-get', args, quiet).status === 0;
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...packages];
  if (!apt(install) && !(apt(['update', '-qq']) && apt(install)))
    stop(3, [`Could not install ${packages.join(', ')}.`, 'Run this by hand and see what it says:', `  ${command}`]);
}

checkMachine();
const target = tasks[task];
if (target === undefined) stop(2, [`No such task: ${task}. Known: ${Object.keys(tasks).join(', ')}.`]);
// What a person has to do by hand is asked for before anything is downloaded.
ensurePrograms();
ensurePackages();

const node = join(root, 'node_modules', '.bin', 'node');
const env = {
  ...process.env,
  PATH: [join(root, 'node_modules', '.bin'), process.env.PATH, '/usr/sbin', '/sbin'].join(delimiter),
  NODE_NO_WARNINGS: '1',
};
const child = spawn(node, [join(root, target[0]), ...target.slice(1), ...rest], { cwd: root, stdio: 'inherit', env });
// The child handles Ctrl-C itself; this process only waits and passes the code on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => signal === 'SIGINT' || child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 130));
