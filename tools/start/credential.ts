/** `npm run credential`: puts a provider's key where egress finds it. The key comes on standard input, never on the command line. */

import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { Fault } from '@sallyport/core/fault';
import { isSlug } from '@sallyport/core/ids';
import { credentialsOf } from './layout.ts';
import { defaultData, repository } from './options.ts';
import { environment, org } from './seed.ts';

const usage = `npm run credential -- set NAME [--origin URL]... [--scheme NAME] [--org ORG] [--environment NAME] [--shared] [--data DIR]
npm run credential -- ls [--data DIR]
npm run credential -- rm NAME [--org ORG] [--environment NAME] [--shared] [--data DIR]

  set reads the key from standard input:  npm run -s credential -- set anthropic < key.txt
  --origin URL    where the key may go, such as https://models.example.org; may be repeated.
                  Without one it goes to the vendor of the role's dialect and nowhere else.
  --scheme NAME   how it is shown: bearer, x-api-key, api-key, x-goog-api-key (default: as the dialect does it)
  --org, --environment  whose it is (default ${org} and ${environment})
  --shared        every org of the installation may use it
  --data DIR      folder of the installation (default .sally)`;

const schemes = ['bearer', 'x-api-key', 'api-key', 'x-goog-api-key'];

const refused = (what: string): Fault => new Fault('invalid_argument', 'start.usage', `${what}\n\n${usage}`);

function read() {
  try {
    return parseArgs({
      args: process.argv.slice(2),
      allowPositionals: true,
      options: {
        origin: { type: 'string', multiple: true, default: [] },
        scheme: { type: 'string' },
        org: { type: 'string', default: org },
        environment: { type: 'string', default: environment },
        shared: { type: 'boolean', default: false },
        data: { type: 'string', default: defaultData },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error));
  }
}

type Values = ReturnType<typeof read>['values'];

/** Where the file of a credential is, as egress looks for it. */
function fileOf(name: string | undefined, values: Values): string {
  if (name === undefined || !isSlug(name)) throw refused('NAME must be a lower-case slug, such as anthropic');
  if (!isSlug(values.org) || !isSlug(values.environment)) throw refused('--org and --environment take names');
  const folder = credentialsOf(resolve(values.data));
  return values.shared ? join(folder, name) : join(folder, values.org, values.environment, name);
}

async function keyFromInput(): Promise<string> {
  if (process.stdin.isTTY)
    process.stderr.write('Paste the key, then press Enter and Ctrl-D (it is shown as you paste):\n');
  const key = (await text(process.stdin)).trim();
  if (!/^[\x21-\x7e]{8,8192}$/.test(key))
    throw refused('standard input holds no key: one line of 8 to 8192 visible ASCII characters is wanted');
  return key;
}

async function set(name: string | undefined, values: Values): Promise<void> {
  const file = fileOf(name, values);
  const { origin: origins, scheme } = values;
  for (const origin of origins)
    if (!/^https?:/.test(origin) || !URL.canParse(origin) || new URL(origin).origin !== origin)
      throw refused(`--origin takes a scheme, a host and at most a port, in lower case; not ${JSON.stringify(origin)}`);
  if (scheme !== undefined && !schemes.includes(scheme)) throw refused(`--scheme takes one of ${schemes.join(', ')}`);
  const lines = [await keyFromInput(), ...origins.map((origin) => `origin ${origin}`)];
  if (scheme !== undefined) lines.push(`scheme ${scheme}`);
  if (existsSync(file) && statSync(file).isDirectory())
    throw refused(`${String(name)} is the name of an org; choose another`);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  chmodSync(dirname(file), 0o700);
  // Egress never sees half a file, and an earlier one of a wider mode is not written into.
  const fresh = `${file}.new`;
  rmSync(fresh, { force: true });
  writeFileSync(fresh, `${lines.join('\n')}\n`, { mode: 0o600, flag: 'wx' });
  renameSync(fresh, file);
  const where = origins.length > 0 ? origins.join(', ') : "the vendor of a role's dialect";
  process.stdout.write(`${relative(repository, file)} is for ${where}\n`);
}

function remove(name: string | undefined, values: Values): void {
  const file = fileOf(name, values);
  if (!existsSync(file) || statSync(file).isDirectory())
    throw new Fault('not_found', 'start.credential_unknown', `there is no ${file}; see: npm run credential -- ls`);
  rmSync(file);
}

/** Names, never what they stand for. */
function list(values: Values): void {
  const folder = credentialsOf(resolve(values.data));
  if (!existsSync(folder)) return;
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const entry of found) {
    const [name = '', ofEnvironment, ofOrg] = relative(folder, join(entry.parentPath, entry.name)).split('/').reverse();
    process.stdout.write(`${name}  ${ofOrg === undefined ? 'shared' : `${ofOrg}/${ofEnvironment ?? ''}`}\n`);
  }
}

async function main(): Promise<void> {
  const { values, positionals } = read();
  const [verb, name, ...more] = positionals;
  if (values.help) return void process.stdout.write(`${usage}\n`);
  if (more.length > 0) throw refused('one NAME is wanted; the key comes on standard input');
  if (verb === 'set') return set(name, values);
  if (verb === 'rm') return remove(name, values);
  if (verb === 'ls') return list(values);
  throw refused('say set, ls or rm');
}

try {
  await main();
} catch (error) {
  const fault = Fault.from(error);
  process.stderr.write(`${fault.code === 'internal' ? String(error) : fault.message}\n`);
  process.exit(fault.code === 'invalid_argument' ? 2 : fault.code === 'not_found' ? 5 : 1);
}
