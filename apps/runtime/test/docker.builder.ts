/** The run's Docker engine, as the specs of the runtime use it. */

import { execFileSync } from 'node:child_process';
import { need } from '@sallyport/testkit/wide';
import type { Handle } from '../src/backends/backend.ts';

/** Variables of a runtime that starts its sandboxes in the run's engine. */
export async function dockerEnv(): Promise<Record<string, string>> {
  const { host, image } = await need('docker');
  return { SALLY_BACKEND: 'docker', SALLY_DOCKER_HOST: host, SALLY_DOCKER_IMAGE: image };
}

/**
 * Removes a container behind the runtime's back, all at once: the runtime of this process sees nothing of it before it is over, else
 * it could yet learn from the engine how the container ended.
 */
export async function removeBehind(handle: Handle): Promise<void> {
  if (handle.backend !== 'docker') throw new Error('not a container');
  const { host } = await need('docker');
  execFileSync(process.execPath, ['-e', removal, host.slice('unix://'.length), handle.container], { stdio: 'pipe' });
}

const removal = `
const [socketPath, id] = process.argv.slice(1);
const path = '/containers/' + id + '?force=true';
require('node:http').request({ socketPath, path, method: 'DELETE' }, ({ statusCode }) => process.exit(statusCode === 204 ? 0 : 1)).end();
`;
