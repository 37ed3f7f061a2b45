import { describe } from '@jest/globals';
import { lifecycleSuite } from './lifecycle.suite.ts';

describe('the life of a workload under bubblewrap', () =>
  lifecycleSuite({
    env: async () => ({ SALLY_BACKEND: 'process' }),
    vanish: async ({ keeper }) => {
      process.kill(-keeper.pid, 'SIGKILL');
    },
  }));
