/** The S3 server of the wide circle: versitygw, taken from the machine or built with Go into the cache. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { S3Program } from '@sallyport/testkit/wide';
import { cacheFolder } from './cache.ts';
import { findProgram, missing } from './programs.ts';
import type { Provide } from './requirement.ts';

const run = promisify(execFile);
const origin = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';

/** The program; each spec starts a server of its own from it (`s3-server.ts`). */
export const provideS3: Provide<S3Program> = async (say) => {
  const value = { program: findProgram('versitygw') ?? (await build(say)) };
  return { value, stop: () => Promise.resolve() };
};

async function build(say: (line: string) => void): Promise<string> {
  const bin = cacheFolder('bin');
  const program = join(bin, 'versitygw');
  if (existsSync(program)) return program;
  const go = findProgram('go') ?? (existsSync('/usr/local/go/bin/go') ? '/usr/local/go/bin/go' : undefined);
  const command = `GOBIN=${bin} go install ${origin}`;
  if (go === undefined) throw missing('The S3 server of the tests is built with Go 1.25 or later', command);
  say('building versitygw (once) ...');
  try {
    await run(go, ['install', origin], { env: { ...process.env, GOBIN: bin }, maxBuffer: 64 * 1024 ** 2 });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    throw missing(`Could not build versitygw (${said.slice(-500)})`, command);
  }
  return program;
}
