/**
 * Credentials of providers, as files that only egress reads: `<org>/<environment>/<name>`, or `<name>` for one that every org of the
 * installation may use. A file is read when it is used and held no longer than the request takes.
 */

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import type { DispatchClaims } from '@sallyport/core/claims';
import { isSlug } from '@sallyport/core/ids';
import { Log } from '@sallyport/service/log';
import { CONFIG } from '@sallyport/service/start';
import type { EgressConfig } from '../config.ts';
import type { DenyWord } from '../decisions/deny-reason.ts';
import { authHeader, mayGo } from './auth-header.ts';
import { type CredentialFile, parseCredential } from './credential-file.ts';

const largestFile = 16 * 1024;

/** A credential on its way into one request. */
export interface Injection {
  readonly header: Readonly<Record<string, string>>;
  /** What must not come back. */
  readonly secret: string;
}

export type Sought =
  | { readonly found: true; readonly injection: Injection | undefined }
  | { readonly found: false; readonly reason: DenyWord };

@Injectable()
export class Credentials {
  constructor(
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: EgressConfig,
  ) {}

  /** What the token's provider needs for a URL; no injection when it needs nothing. Never rejects. */
  async seek({ org, env, tctx }: DispatchClaims, url: URL): Promise<Sought> {
    const { credential: name, dialect = '' } = tctx.net;
    if (name === '') return { found: true, injection: undefined };
    const file = await this.find(org, env, name);
    if (file === undefined) return { found: false, reason: 'credential_missing' };
    if (!mayGo(file, dialect, url)) {
      this.log.warn({ org, credential: name, origin: url.origin }, 'a credential is not for this endpoint');
      return { found: false, reason: 'credential_forbidden' };
    }
    return { found: true, injection: { header: authHeader(file, dialect), secret: file.secret } };
  }

  private async find(org: string, environment: string, name: string): Promise<CredentialFile | undefined> {
    const { SALLY_EGRESS_CREDENTIALS_DIR: folder } = this.config;
    if (folder === undefined || ![org, environment, name].every(isSlug)) return undefined;
    for (const path of [join(folder, org, environment, name), join(folder, name)]) {
      const found = await this.read(path, { org, environment, credential: name });
      // One that is there and not usable is not stood in for by another of the name.
      if (found !== 'absent') return found;
    }
    this.log.warn({ org, environment, credential: name }, 'a credential is not there');
    return undefined;
  }

  private async read(
    path: string,
    about: Readonly<Record<string, string>>,
  ): Promise<CredentialFile | undefined | 'absent'> {
    let file: FileHandle;
    try {
      file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOENT' || code === 'ENOTDIR') return 'absent';
      this.log.error({ ...about, code }, 'a credential cannot be read');
      return undefined;
    }
    try {
      const why = await unfit(file);
      const parsed = why === undefined ? parseCredential(await file.readFile('utf8')) : undefined;
      if (parsed === undefined)
        this.log.error({ ...about, why: why ?? 'its content is not understood' }, 'a credential is not usable');
      return parsed;
    } finally {
      await file.close();
    }
  }
}

/** Why a file is none that holds a secret; undefined when it is one. */
async function unfit(file: FileHandle): Promise<string | undefined> {
  const stat = await file.stat();
  if (!stat.isFile()) return 'it is not a regular file';
  if ((stat.mode & 0o077) !== 0) return 'others may read it; its mode must be 0600';
  return stat.size > largestFile ? 'it is too large' : undefined;
}
