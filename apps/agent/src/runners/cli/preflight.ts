/**
 * A look before a program starts: coding agents spin for most of a minute on a model they cannot reach and on a disk that is full,
 * and say little about why.
 */

import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { http } from '../../builtin-http.ts';
import { systemCode } from '../../system-error.ts';
import type { Closing } from './evidence.ts';

/** Bytes that HOME and /tmp must have left. */
const spareBytes = 16 * 1024 * 1024;

/** Milliseconds for the model to say anything at all. */
export const modelMillis = 4000;

type Trouble = Exclude<Closing, { kind: 'done' }>;

async function diskTrouble(folder: string): Promise<Trouble | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize < spareBytes) return { kind: 'failed', message: `${folder} has less than 16 MiB left` };
    const trial = await mkdtemp(join(folder, '.preflight-'));
    await writeFile(join(trial, 'trial'), 'trial');
    await rm(trial, { recursive: true });
    return undefined;
  } catch (error) {
    return { kind: 'failed', message: `${folder} cannot be written: ${systemCode(error)}` };
  }
}

/** Any answer of the model's side will do; only the platform's own refusal and silence are trouble. */
function modelTrouble(modelUrl: string, signal: AbortSignal): Promise<Trouble | undefined> {
  const unreachable = (why: string): Trouble => ({ kind: 'model', message: `${modelUrl} does not answer: ${why}` });
  const patience = AbortSignal.timeout(modelMillis);
  return new Promise((resolve) => {
    const request = http.request(
      modelUrl,
      { method: 'HEAD', agent: false, signal: AbortSignal.any([signal, patience]) },
      (response) => {
        response.resume();
        const denied = response.headers['sally-deny-reason'];
        const status = response.statusCode ?? 0;
        if (denied === undefined || status >= 500) resolve(undefined);
        else resolve({ kind: 'model', message: `egress denied the model: ${String(denied)}`, status, denied: true });
      },
    );
    request.on('error', (error) =>
      resolve(unreachable(patience.aborted ? `nothing within ${modelMillis} ms` : systemCode(error) || error.message)),
    );
    request.end();
  });
}

/** What would keep a program from its work, or undefined; answers within five seconds. */
export async function preflight(
  { modelUrl, home }: { readonly modelUrl: string; readonly home: string },
  signal: AbortSignal,
): Promise<Trouble | undefined> {
  const [model, ...disks] = await Promise.all([modelTrouble(modelUrl, signal), diskTrouble(home), diskTrouble('/tmp')]);
  return disks.find((trouble) => trouble !== undefined) ?? model;
}
