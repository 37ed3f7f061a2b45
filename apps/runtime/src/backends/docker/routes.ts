/** The routes of a container's network, set from outside: inside nobody may. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { isolationMissing } from '../backend-faults.ts';
import { routesScript } from './scripts.ts';

/**
 * Makes every address local to the network of a process.
 *
 * @throws Fault `runtime.isolation_missing` where this runtime may not.
 */
export async function setRoutes(pid: number): Promise<void> {
  const child = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, 'sh', '-c', routesScript], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    cwd: '/',
  });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => {
    if (said.length < 1000) said += bytes.toString('utf8');
  });
  const code = await once(child, 'exit').then(
    ([status]) => status as number | null,
    (error: unknown) => {
      said += String(error);
      return -1;
    },
  );
  if (code !== 0)
    throw isolationMissing('routes', `the routes of a sandbox could not be set (${said.trim().slice(0, 300)})`);
}
